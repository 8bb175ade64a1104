"""Image sequences through the whole flow: numbers, rates, and frames that are not there."""

from __future__ import annotations

import os
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from instmatt_video import MatteConfig, matte_video
from instmatt_video.batch.finished import finished_manifest
from instmatt_video.config import OutputConfig, RunConfig
from instmatt_video.errors import OptionError
from instmatt_video.manifest import Manifest
from tests.batch.stubs import job_of
from tests.synthetic_clip import BoxMatter, ColorDetector, write_clip, write_frames

FRAMES = 12
LIGHT = MatteConfig(output=OutputConfig(format="matte-ffv1", has_preview=False))
GOING_ON = replace(LIGHT, run=RunConfig(is_resumed=True))


def run(clip: Path, out: Path, config: MatteConfig = LIGHT) -> Manifest:
    return matte_video(clip, out, config, detector=ColorDetector(), matter=BoxMatter())


@pytest.fixture
def shot(tmp_path: Path) -> Path:
    return write_frames(tmp_path / "shot", FRAMES, "f.%04d.png", first=1001)


@pytest.mark.parametrize("is_trimmed", [False, True])
def test_pictures_keep_their_numbers_behind_one_that_cannot_be_decoded(
    is_trimmed: bool, shot: Path, tmp_path: Path
) -> None:
    (shot / "f.1001.png").write_bytes((shot / "f.1001.png").read_bytes()[:200])
    output = replace(LIGHT.output, format="png", is_trimmed=is_trimmed)
    manifest = run(shot, tmp_path / "out", replace(LIGHT, output=output))
    for track in manifest.tracks:
        first = track.first_frame if is_trimmed else 1001
        names = sorted(path.name for path in (tmp_path / "out" / "shot" / track.file).iterdir())
        assert names[0] == f"{first:06d}.png"
        assert names[-1] == f"{track.last_frame:06d}.png"
    assert manifest.tracks[0].first_frame == 1002


def test_a_video_counts_a_frame_at_its_beginning_that_cannot_be_decoded(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "walk.mkv", FRAMES)
    output = replace(LIGHT.output, format="png")
    manifest = run(clip, tmp_path / "out", replace(LIGHT, output=output))
    names = sorted(path.name for path in (tmp_path / "out/walk/person_01").iterdir())
    assert names[0] == "000001.png" and len(names) == manifest.source.frame_count


def test_a_link_that_leads_nowhere_is_a_frame_that_cannot_be_decoded(
    shot: Path, tmp_path: Path
) -> None:
    (shot / "f.1012.png").unlink()
    (shot / "f.1012.png").symlink_to(tmp_path / "nowhere.png")
    manifest = run(shot, tmp_path / "out")
    assert manifest.source.unreadable == ((1012, 1012),)
    assert manifest.tracks[0].last_frame == 1012, "the frame before stands in"
    assert any("f.1012.png: cannot be decoded" in text for text in manifest.warnings)


def touch(shot: Path) -> None:
    os.utime(shot / "f.1003.png", ns=(1, 1))


def grow(shot: Path) -> None:
    (shot / "f.1013.png").write_bytes((shot / "f.1012.png").read_bytes())


@pytest.mark.parametrize("change", [touch, grow], ids=["rendered anew", "one more"])
def test_other_pictures_are_another_clip(change: object, shot: Path, tmp_path: Path) -> None:
    run(shot, tmp_path / "out")
    job = job_of(shot, tmp_path / "out", LIGHT)
    assert finished_manifest(job) is not None
    change(shot)  # type: ignore[operator]
    assert finished_manifest(job) is None, "a batch does not skip it"
    with pytest.raises(OptionError, match=r"another source \(its pictures\)"):
        run(shot, tmp_path / "out", GOING_ON)


def test_a_run_is_not_gone_on_with_at_another_rate(shot: Path, tmp_path: Path) -> None:
    run(shot, tmp_path / "out")
    assert run(shot, tmp_path / "out", GOING_ON).source.frame_rate == "24"
    with pytest.raises(OptionError, match="another frame rate"):
        run(shot, tmp_path / "out", replace(GOING_ON, frame_rate=Fraction(30)))
