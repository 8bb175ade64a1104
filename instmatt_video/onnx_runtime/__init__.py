"""Exported graphs in the place of networks, where onnxruntime is faster on a CPU than torch."""
