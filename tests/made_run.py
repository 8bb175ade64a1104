"""A run of the main job whose detector and matter know the made clip's truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from instmatt_video import MatteConfig, matte_video
from instmatt_video.config import OutputConfig
from instmatt_video.manifest import Manifest
from instmatt_video.media.alpha_reader import read_alpha
from tests.synthetic_clip import BoxMatter, ColorDetector

FRAMES = 40
LIGHT = MatteConfig(output=OutputConfig(format="matte-ffv1", has_preview=False))


def run(clip: Path, out: Path, config: MatteConfig = LIGHT, **kwargs: object) -> Manifest:
    detector = kwargs.pop("detector", None) or ColorDetector()
    return matte_video(clip, out, config, detector=detector, matter=BoxMatter(), **kwargs)


def alphas(path: Path) -> np.ndarray:
    return np.stack(list(read_alpha(path)))
