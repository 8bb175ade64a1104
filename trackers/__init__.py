"""Identity tracking: boxes and scores in, track ids out. Knows no video and no networks.

The parts are imported on first use: settings can be read without loading scipy, filterpy or OpenCV.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .appearance import describe_people as describe_people
    from .camera_motion import CameraMotionEstimator as CameraMotionEstimator
    from .config import MotionConfig as MotionConfig
    from .config import StitchConfig as StitchConfig
    from .config import TrackerConfig as TrackerConfig
    from .scene_cut import MEMORY_FRAMES as MEMORY_FRAMES
    from .scene_cut import CutDetector as CutDetector
    from .smoothing import smooth_boxes as smooth_boxes
    from .stitching import Tracklet as Tracklet
    from .stitching import is_certain as is_certain
    from .stitching import stitch as stitch
    from .track import Track as Track
    from .track import TrackState as TrackState
    from .tracker import Tracker as Tracker

_HOMES = {
    "CameraMotionEstimator": "camera_motion",
    "CutDetector": "scene_cut",
    "MEMORY_FRAMES": "scene_cut",
    "MotionConfig": "config",
    "StitchConfig": "config",
    "Track": "track",
    "TrackState": "track",
    "Tracker": "tracker",
    "TrackerConfig": "config",
    "Tracklet": "stitching",
    "describe_people": "appearance",
    "is_certain": "stitching",
    "smooth_boxes": "smoothing",
    "stitch": "stitching",
}

__all__ = [*_HOMES]


def __getattr__(name: str) -> Any:
    """Import a public name from its home on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
