"""A run that goes on with what an earlier one left: to the same bytes, and to nobody's loss."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from instmatt_video import MatteConfig, __version__, matte_video
from instmatt_video.config import DetectionConfig, RunConfig
from instmatt_video.errors import OptionError
from instmatt_video.manifest import load_manifest
from tests.made_run import FRAMES, LIGHT, alphas, run
from tests.synthetic_clip import SIZE, BoxMatter, ColorDetector, picture, write_clip


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "walk.mp4", FRAMES, has_audio=True)


def test_resume_refuses_other_settings(clip: Path, tmp_path: Path) -> None:
    run(clip, tmp_path)
    config = replace(
        LIGHT, detection=DetectionConfig(detect_every=2), run=RunConfig(is_resumed=True)
    )
    with pytest.raises(OptionError, match="another interval of detection"):
        run(clip, tmp_path, config)


@pytest.mark.parametrize("former", [True, False])
def test_resume_names_a_setting_that_one_of_the_runs_lacks(
    former: bool, clip: Path, tmp_path: Path
) -> None:
    def finding(small: bool) -> MatteConfig:
        return replace(LIGHT, detection=DetectionConfig(finds_small_people=small))

    run(clip, tmp_path, finding(former))
    with pytest.raises(OptionError, match=r"look for small people .*with the settings of the"):
        run(clip, tmp_path, replace(finding(not former), run=RunConfig(is_resumed=True)))
    run(clip, tmp_path, replace(finding(former), run=RunConfig(is_resumed=True)))


def test_what_another_version_left_is_finished_with_that_one(clip: Path, tmp_path: Path) -> None:
    run(clip, tmp_path)
    journal = tmp_path / "walk" / "alphas" / "journal.jsonl"
    fact = f'"version of this program": "{__version__}"'
    assert fact in journal.read_text()
    journal.write_text(journal.read_text().replace(fact, fact[:-1] + '.before"'))
    with pytest.raises(OptionError, match="version of this program: resume with that one"):
        run(clip, tmp_path, replace(LIGHT, run=RunConfig(is_resumed=True)))


def test_a_run_that_broke_off_resumes_to_the_same_bytes(clip: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    config = replace(LIGHT, run=RunConfig(chunk_frames=8))
    run(clip, whole, config)
    broken = tmp_path / "broken"
    with pytest.raises(RuntimeError, match="pulled the plug"):
        run(clip, broken, config, detector=ColorDetector(fails_at=27))
    assert not list((broken / "walk").glob("person_*"))
    detector = ColorDetector()
    resumed = replace(LIGHT, run=RunConfig(chunk_frames=8, is_resumed=True))
    run(clip, broken, resumed, detector=detector)
    assert min(detector.looks) in (16, 24), "whole chunks are not analysed again"
    for name in ("person_01.mkv", "person_02.mkv", "person_03.mkv"):
        assert np.array_equal(alphas(whole / "walk" / name), alphas(broken / "walk" / name))
    chunks = sorted(p.name for p in (whole / "walk" / "alphas").glob("*.chunk"))
    for name in chunks:
        first, second = (d / "walk" / "alphas" / name for d in (whole, broken))
        assert first.read_bytes() == second.read_bytes()


def test_what_was_said_of_streams_is_said_again(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "walk.mp4", 12, pixel_aspect=Fraction(4, 3))
    first = run(clip, tmp_path)
    (tmp_path / "walk" / "person_02.mkv").unlink()  # written anew, the other one is as it was
    again = run(clip, tmp_path, replace(LIGHT, run=RunConfig(is_resumed=True)))
    assert [text[:29] for text in first.warnings] == [
        f"person_{number:02d}.mkv: pixels are 4/3" for number in (1, 2)
    ]
    assert again.warnings == first.warnings


def test_another_matter_does_not_go_on_with_the_alphas(clip: Path, tmp_path: Path) -> None:
    class OtherMatter(BoxMatter):
        pass

    run(clip, tmp_path)
    resumed = replace(LIGHT, run=RunConfig(is_resumed=True))
    with pytest.raises(OptionError, match="another matter"):
        matte_video(clip, tmp_path, resumed, detector=ColorDetector(), matter=OtherMatter())


def test_a_cut_behind_a_long_black_stretch_is_found_again(tmp_path: Path) -> None:
    def two_scenes(frame: int) -> np.ndarray:
        if 20 <= frame < 60:
            return np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
        image = picture(0)
        if frame >= 60:
            ramp = np.linspace(20, 250, SIZE[0], dtype=np.uint8)
            image[:] = np.where(np.arange(SIZE[1])[:, None] < 48, ramp // 3, ramp)[..., None]
        return image

    clip = write_clip(tmp_path / "walk.mp4", 70, picture=two_scenes)
    config = replace(LIGHT, run=RunConfig(chunk_frames=8))
    whole = run(clip, tmp_path / "whole", config)
    assert whole.cuts == (61,)
    with pytest.raises(RuntimeError, match="pulled the plug"):
        run(clip, tmp_path / "broken", config, detector=ColorDetector(fails_at=58))
    resumed = replace(LIGHT, run=RunConfig(chunk_frames=8, is_resumed=True))
    assert run(clip, tmp_path / "broken", resumed).cuts == whole.cuts


def test_a_damaged_chunk_is_made_again(clip: Path, tmp_path: Path) -> None:
    config = replace(LIGHT, run=RunConfig(chunk_frames=8))
    run(clip, tmp_path, config)
    folder = tmp_path / "walk"
    before = alphas(folder / "person_01.mkv")
    (folder / "alphas" / "00000016.chunk").write_bytes(b"torn")
    detector = ColorDetector()
    run(
        clip,
        tmp_path,
        replace(LIGHT, run=RunConfig(chunk_frames=8, is_resumed=True)),
        detector=detector,
    )
    assert min(detector.looks) == 16
    assert np.array_equal(before, alphas(folder / "person_01.mkv"))


def test_resume_keeps_verified_streams_and_mends_others(clip: Path, tmp_path: Path) -> None:
    run(clip, tmp_path)
    folder = tmp_path / "walk"
    kept, mended = folder / "person_01.mkv", folder / "person_02.mkv"
    stamp = kept.stat().st_mtime_ns
    mended.write_bytes(b"cut short")
    detector = ColorDetector()
    run(clip, tmp_path, replace(LIGHT, run=RunConfig(is_resumed=True)), detector=detector)
    assert detector.looks == [], "nothing is analysed twice"
    assert kept.stat().st_mtime_ns == stamp
    assert len(alphas(mended)) == FRAMES


KILLED = """
import sys, time
from pathlib import Path
from dataclasses import replace
from instmatt_video import MatteConfig, matte_video
from instmatt_video.config import OutputConfig, RunConfig
from tests.synthetic_clip import BoxMatter, ColorDetector

class Slow(ColorDetector):
    def detect(self, images, frame_indices=None):
        time.sleep(float(sys.argv[3]))
        return super().detect(images, frame_indices)

def report(progress):
    print(progress.stage, progress.done, flush=True)
    if progress.stage == "render":
        time.sleep(float(sys.argv[4]))

config = MatteConfig(
    output=OutputConfig(format="matte-ffv1", has_preview=False),
    run=RunConfig(chunk_frames=4, is_resumed=True),
)
matte_video(sys.argv[1], sys.argv[2], config, report, detector=Slow(), matter=BoxMatter())
"""


@pytest.mark.parametrize(
    ("stage", "done", "detect_s", "render_s"),
    [
        pytest.param("analyse", 14, 0.03, 0.0, id="while analysing"),
        pytest.param("render", 9, 0.0, 0.05, id="while rendering"),
    ],
)
def test_kill_and_resume(
    clip: Path, tmp_path: Path, stage: str, done: int, detect_s: float, render_s: float
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(clip), str(tmp_path), str(detect_s), str(render_s)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.split() == [stage, str(done)]:
            process.send_signal(signal.SIGKILL)
            break
    process.wait()
    process.stdout.close()
    assert process.returncode == -signal.SIGKILL
    folder = tmp_path / "walk"
    assert not list(folder.glob("person_*")), "no unfinished stream bears a final name"
    detector = ColorDetector()
    resumed = replace(LIGHT, run=RunConfig(chunk_frames=4, is_resumed=True))
    run(clip, tmp_path, resumed, detector=detector)
    assert min(detector.looks, default=FRAMES) >= 4
    whole = tmp_path / "whole"
    run(clip, whole, replace(LIGHT, run=RunConfig(chunk_frames=4)))
    for track in load_manifest(folder).tracks:
        assert track.file is not None
        assert np.array_equal(alphas(folder / track.file), alphas(whole / "walk" / track.file))
    assert not list(folder.glob(".*.partial"))
