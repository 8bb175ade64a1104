"""Whether the extra `onnx` is installed; asked before anything of it is imported."""

from __future__ import annotations

from importlib.util import find_spec

from ..errors import OptionError

PACKAGES = ("onnx", "onnxruntime", "onnxscript")


def require_onnx() -> None:
    """Raise `OptionError` unless the extra `onnx` is installed."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise OptionError(f'ONNX needs {", ".join(missing)}: pip install "instmatt-video[onnx]"')
