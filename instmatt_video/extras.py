"""Whether an extra of the package is installed; asked before anything of it is imported."""

from __future__ import annotations

from importlib.util import find_spec

from .errors import OptionError

EXTRAS = {
    "demo": ("skimage",),
    "eval": ("trackeval",),
    "exr": ("OpenEXR",),
    "fg": ("pymatting",),
    "onnx": ("onnx", "onnxruntime", "onnxscript"),
    "ray": ("ray",),
    "train": ("lightning_fabric", "tensorboard", "pycocotools"),
    "vcam": ("pyvirtualcam",),
    "web": ("fastapi", "uvicorn"),
}
"""What each brings, as it is imported."""


def require_extra(extra: str, purpose: str) -> None:
    """Raise one clear line unless an extra is installed.

    Args:
        extra: One of `EXTRAS`.
        purpose: What needs it; the line begins with it.

    Raises:
        OptionError: Something of it is missing.
    """
    missing = [name for name in EXTRAS[extra] if find_spec(name) is None]
    if missing:
        names = ", ".join(missing)
        raise OptionError(f'{purpose} needs {names}: pip install "instmatt-video[{extra}]"')
