"""Renderings that find others' files, a full disk or their own end: nothing is lost."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from instmatt_video import matte_video
from instmatt_video.correction import Drop, Merge, Rename, Split
from instmatt_video.errors import AlphaWriteError, OptionError
from instmatt_video.media.video_stream import VideoAlphaStream
from instmatt_video.review.session import Review
from tests.review.conftest import FRAMES, LIGHT
from tests.review.made_truth import ONE, THREE, TWO, alphas, close, streams, truth
from tests.synthetic_clip import BoxMatter, ColorDetector, write_clip


def test_other_files_among_pictures_are_told_of_before_any_stream_is_renamed(
    tmp_path: Path,
) -> None:
    clip = write_clip(tmp_path / "walk.mp4", FRAMES)
    pictures = replace(LIGHT.output, format="png", filename="{name}")
    config = replace(LIGHT, output=pictures)
    matte_video(clip, tmp_path, config, detector=ColorDetector(), matter=BoxMatter())
    folder = tmp_path / "walk"
    (folder / "person_03" / "notes.txt").write_text("mine")
    review = Review(folder)
    review.correct(Rename(track=1, name="Anna"))
    review.correct(Split(track=3, frame=30))
    before = sorted(folder.rglob("*"))
    with pytest.raises(OptionError, match="person_03 holds other files beside its pictures"):
        review.render()
    assert sorted(folder.rglob("*")) == before


def test_a_damaged_stream_is_written_again(folder: Path) -> None:
    (folder / ONE).write_bytes(b"torn")
    assert Review(folder).render().written == (ONE,)
    assert close(alphas(folder / ONE), truth((0, range(FRAMES))))


def test_a_file_of_somebody_else_is_neither_removed_nor_replaced(folder: Path) -> None:
    review = Review(folder)
    (folder / "person_04_04.mkv").write_text("mine")
    (folder / TWO).write_text("changed by hand")
    review.correct(Split(track=1, frame=10))
    with pytest.raises(AlphaWriteError, match=r"person_04_04\.mkv is in the way"):
        review.render()
    (folder / "person_04_04.mkv").rename(folder / "notes.txt")
    review.undo()
    review.correct(Drop(track=2))
    assert review.render().removed == ()
    assert (folder / TWO).read_text() == "changed by hand"
    assert (folder / "notes.txt").read_text() == "mine"


def test_a_ledger_cannot_lead_out_of_the_folder(folder: Path) -> None:
    outside = folder.parent / "precious.mkv"
    outside.write_text("precious")
    line = {"file": "../precious.mkv", "key": "", "sha256": None}
    with (folder / "alphas" / "streams.jsonl").open("a") as ledger:
        ledger.write(json.dumps(line) + "\n")
    Review(folder).render()
    assert outside.read_text() == "precious"


def test_a_rendering_that_finds_the_disk_full_is_undone_without_another(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = streams(folder)
    review = Review(folder)
    review.correct(Merge(track=3, other=2))
    with monkeypatch.context() as patched:
        patched.setattr(VideoAlphaStream, "_mux", full)
        with pytest.raises(AlphaWriteError, match="disk is full"):
            review.render()
        assert streams(folder) == before
        review.undo()
        assert review.render().written == ()
    assert streams(folder) == before and review.manifest.is_rendered


@pytest.mark.parametrize(
    "death",
    [
        pytest.param(
            "at = lambda p: os._exit(9) if p.done == 12 else None", id="in the middle of the clip"
        ),
        pytest.param(
            "StreamWriter.publish = lambda *_: os._exit(9)", id="before a stream is replaced"
        ),
        pytest.param(
            "StreamLedger.add = lambda *_, **__: os._exit(9)", id="when a stream has been replaced"
        ),
    ],
)
def test_a_killed_rendering_is_finished_by_the_next(folder: Path, death: str) -> None:
    review = Review(folder)
    review.correct(Merge(track=3, other=2))
    # The process dies without a word.
    code = (
        "import os, sys; from pathlib import Path; "
        "from instmatt_video.rendering.stream_ledger import StreamLedger; "
        "from instmatt_video.rendering.stream_writers import StreamWriter; "
        "from instmatt_video.review.session import Review; "
        f"at = lambda p: None; {death}; "
        "Review(Path(sys.argv[1])).render(at)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(folder)]).returncode == 9
    assert list(folder.glob(".*.partial"))
    assert not review.manifest.is_rendered and (folder / TWO).exists()
    review.undo()
    assert review.render().removed == ()
    assert not list(folder.glob(".*.partial"))
    everywhere = range(FRAMES)
    assert close(alphas(folder / TWO), truth((1, everywhere)))
    assert close(alphas(folder / THREE), truth((2, everywhere)))
