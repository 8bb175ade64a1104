"""Compositions of HDR clips, whose levels mean other light than a background's."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from instmatt_video.compose.composition import compose_streams
from instmatt_video.compose.options import ComposeOptions, parse_background
from instmatt_video.manifest import load_manifest

pytestmark = pytest.mark.usefixtures("ffmpeg_program")


@pytest.mark.parametrize(
    ("transfer", "background", "warned"),
    [("smpte2084", "white", True), ("smpte2084", "source", False), ("bt709", "white", False)],
)
def test_levels_that_mean_other_light_are_told_of(
    transfer: str,
    background: str,
    warned: bool,
    clip: Path,
    tmp_path: Path,
    make_folder: Callable[..., Path],
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder = Path(shutil.copytree(make_folder(), tmp_path / "walk"))
    manifest = load_manifest(folder)
    source = manifest.source.model_copy(update={"color_transfer": transfer})
    manifest.model_copy(update={"source": source}).save(folder)
    options = ComposeOptions(background=parse_background(background), source=clip)
    for suffix in (".mov", ".mp4"):
        compose_streams(folder, tmp_path / f"out{suffix}", options)
    told = [message for message in caplog.messages if "the clip is HDR (smpte2084)" in message]
    assert len(told) == 2 * warned
    assert sum("few for HDR" in m for m in caplog.messages) == (transfer == "smpte2084")
