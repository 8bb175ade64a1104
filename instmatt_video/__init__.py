"""One alpha stream per person: detect, track and matte everybody in a video.

The face of the package. Heavy modules (torch, OpenCV, PyAV) are imported where they are used, so
`import instmatt_video` stays fast.
"""

from __future__ import annotations

from pathlib import Path as _Path
from typing import TYPE_CHECKING, Any

_HERE = _Path(__file__).resolve().parent
if not (_HERE / "trackers").is_dir():
    # A checkout: trackers/, models/, eval/ and cli.py stand beside this folder, not in it.
    __path__.append(str(_HERE.parent))

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .config import MatteConfig as MatteConfig
    from .errors import InstMattVideoError as InstMattVideoError
    from .manifest import Manifest as Manifest
    from .matting.matter import Matter as Matter
    from .pipeline import matte_video as matte_video

_HOMES = {
    "InstMattVideoError": "errors",
    "Manifest": "manifest",
    "MatteConfig": "config",
    "Matter": "matting.matter",
    "matte_video": "pipeline",
}

__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> Any:
    """Import a public name from its home on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
