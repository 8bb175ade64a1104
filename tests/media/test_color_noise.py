"""What coding leaves of colours, told by codec and file."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from instmatt_video.media.color_noise import CLEAN, CODED, FINE, noise_of_codec, noise_of_picture
from instmatt_video.media.source import open_source
from tests.synthetic_clip import write_clip


def test_the_coarser_the_coding_the_larger_the_error() -> None:
    assert CLEAN < FINE < CODED
    assert [noise_of_codec(c) for c in ("ffv1", "prores", "h264", "unheard-of")] == [
        CLEAN,
        FINE,
        CODED,
        CODED,
    ]
    assert [noise_of_picture(s) for s in (".png", ".EXR", ".JPG")] == [CLEAN, CLEAN, FINE]


@pytest.mark.parametrize(("suffix", "noise"), [(".png", CLEAN), (".jpg", FINE)])
def test_a_folder_of_pictures_knows_its_own(tmp_path: Path, suffix: str, noise: float) -> None:
    for k in range(2):
        cv2.imwrite(str(tmp_path / f"{k:03d}{suffix}"), np.full((32, 48, 3), 90, np.uint8))
    assert open_source(tmp_path).info.color_noise == noise


def test_a_coded_clip_is_wary(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4")
    assert open_source(tmp_path / "clip.mp4").info.color_noise == CODED
