"""Corrections and renderings at the same time, by several and while a run goes on."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from instmatt_video import matte_video
from instmatt_video.config import RunConfig
from instmatt_video.correction import Drop, Rename, Split
from instmatt_video.errors import OptionError
from instmatt_video.folder_lock import rendering_alone
from instmatt_video.manifest import load_manifest
from instmatt_video.progress import Progress
from instmatt_video.review.session import Review
from tests.review.conftest import LIGHT
from tests.review.made_truth import ONE
from tests.synthetic_clip import BoxMatter, ColorDetector


def test_one_rendering_at_a_time(folder: Path) -> None:
    with (
        rendering_alone(folder),
        pytest.raises(OptionError, match="rendered by another process"),
    ):
        Review(folder).render()


def test_no_correction_of_several_at_once_is_lost(folder: Path) -> None:
    names = [f"person {k}" for k in range(12)]
    together = threading.Barrier(len(names))

    def rename(name: str) -> None:
        review = Review(folder)
        together.wait()
        review.correct(Rename(track=1, name=name))

    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(rename, names))
    made = load_manifest(folder).corrections
    assert sorted(c.name for c in made if isinstance(c, Rename)) == sorted(names)


def test_nobody_corrects_people_whom_they_have_not_seen(folder: Path) -> None:
    page, shell = Review(folder), Review(folder)
    seen = page.document()["revision"]
    shell.correct(Split(track=1, frame=10))
    before = load_manifest(folder)
    with pytest.raises(OptionError, match=r"somebody else has corrected .* look again"):
        page.correct(Drop(track=1), seen)
    with pytest.raises(OptionError, match="look again"):
        page.undo(seen)
    assert load_manifest(folder) == before
    seen = page.document()["revision"]
    page.correct(Drop(track=1), seen)
    assert page.undo(page.document()["revision"]) == Drop(track=1)
    assert page.document()["revision"] == seen


def test_a_correction_during_a_run_is_not_lost(folder: Path, matted: Path) -> None:
    rename = Rename(track=1, name="Ann")
    (folder / ONE).unlink()

    def correct(progress: Progress) -> None:
        if progress.done == 12:
            Review(folder).correct(rename)

    resumed = replace(LIGHT, run=RunConfig(is_resumed=True))
    clip = matted / "walk.mp4"
    matte_video(clip, folder.parent, resumed, correct, detector=ColorDetector(), matter=BoxMatter())
    review = Review(folder)
    assert review.manifest.corrections == (rename,) and not review.manifest.is_rendered
    assert review.render().manifest.tracks[0].name == "Ann"


def test_a_correction_in_the_midst_of_a_rendering_waits_for_the_next(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    review, drop, rename = Review(folder), Drop(track=2), Rename(track=1, name="Ann")
    review.correct(drop)
    analysed = Review.analysed.fget

    def rename_meanwhile(self: Review) -> object:
        monkeypatch.undo()
        Review(folder).correct(rename)
        return analysed(self)

    monkeypatch.setattr(Review, "analysed", property(rename_meanwhile))
    rendered = review.render().manifest
    assert rendered.rendered_corrections == (drop,)
    assert rendered.corrections == (drop, rename) and not rendered.is_rendered
    assert [track.name for track in rendered.tracks] == ["person_01", "person_03"]
    assert review.render().manifest.tracks[0].name == "Ann"
