"""Networks as files for other programs: ONNX and TorchScript, checked against torch."""
