"""What the records of an alpha store depend on, so that a run resumes only its own."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from . import __version__
from .config import MatteConfig
from .matting.frame_matter import FrameMatter
from .media.frame_source import FrameSource
from .networks import Networks
from .people.finder import PersonTracker


def fingerprint_of(
    clip: FrameSource,
    origin: str,
    config: MatteConfig,
    networks: Networks,
    tracker: PersonTracker | None = None,
    matter: FrameMatter | None = None,
) -> dict[str, Any]:
    """Return what the records of a store depend on; a run resumes only what has the same.

    Args:
        clip: The source.
        origin: Its file's checksum, or its name.
        config: Every choice.
        networks: Detector, matter and their weights.
        tracker: The caller's own, if it is.
        matter: Likewise.
    """
    matting = asdict(config.matting)
    finds_small_people = config.detection.finds_small_people
    return {
        "version of this program": __version__,
        "source": origin,
        "source (its pictures)": clip.checksum,
        "size": [clip.info.width, clip.info.height],
        "frame rate": str(clip.info.frame_rate),
        "detector": networks.detector.name,
        **({} if networks.masks_sha256 is None else {"set of masks": networks.masks_sha256}),
        **({} if tracker is None else {"tracker": type(tracker).__qualname__}),
        **({} if matter is None else {"matter": type(matter).__qualname__}),
        **{f"set of weights ({w.name})": w.sha256 for w in networks.weights},
        "interval of detection (--detect-every)": config.detection.detect_every,
        # Said where it is taken: runs of before there was one have none.
        **({"look for small people (--no-small-people)": True} if finds_small_people else {}),
        "reach of steadied masks (--steady-frames)": config.detection.steady_frames,
        **{f"setting of matting ({key})": value for key, value in matting.items()},
    }
