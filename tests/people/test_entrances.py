"""People count from where the detector first saw anything of them, sure or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from instmatt_video import MatteConfig, matte_video
from instmatt_video.alpha_frame import AlphaFrame
from instmatt_video.config import OutputConfig, RunConfig
from instmatt_video.detection.detections import Detections
from instmatt_video.manifest import Manifest
from instmatt_video.media.alpha_reader import read_alpha
from instmatt_video.people.entrances import MAX_ENTRANCE_FRAMES
from tests.synthetic_clip import WALL, BoxMatter, ColorDetector, boxes_at, picture, write_clip

ENTERS = 6
"""Frame in which person 1 of the made clip steps in; 14 frames long."""
LIGHT = MatteConfig(output=OutputConfig(format="matte-ffv1", has_preview=False))


class Unsure(ColorDetector):
    """Gives a person other scores in some frames, and may see a ghost."""

    has_exact_masks = False

    def __init__(
        self,
        scores: Mapping[int, float],
        ghosts: Mapping[int, Sequence[float]] | None = None,
        person: int = 1,
    ) -> None:
        super().__init__()
        self.scores = scores
        self.person = person
        self.ghosts = ghosts or {}

    def detect(
        self, images: Sequence[np.ndarray], frame_indices: Sequence[int] | None = None
    ) -> list[Detections]:
        assert frame_indices is not None
        index = frame_indices[0]
        (found,) = super().detect(images, frame_indices)
        scores = found.scores.copy()
        if index in self.scores:
            is_meant = np.abs(found.boxes[:, 0] - boxes_at(index)[self.person][0]) <= 2
            scores[is_meant] = self.scores[index]
        boxes, masks = found.boxes, found.masks
        if index in self.ghosts:
            boxes = np.vstack([boxes, np.array([self.ghosts[index]], np.float32)])
            scores = np.append(scores, np.float32(0.3))
            masks = np.concatenate([masks, masks[:1]])
        order = np.argsort(-scores, kind="stable")
        return [Detections(boxes[order], scores[order], masks[order])]


def run(clip: Path, out: Path, detector: ColorDetector, **settings: object) -> Manifest:
    config = replace(LIGHT, run=RunConfig(chunk_frames=8, **settings))  # type: ignore[arg-type]
    return matte_video(clip, out, config, detector=detector, matter=BoxMatter())


def scores(count: int, value: float) -> dict[int, float]:
    return dict.fromkeys(range(ENTERS, ENTERS + count), value)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "walk.mp4", 22)


def spans_of_the_second(manifest: Manifest) -> tuple[tuple[int, int], ...]:
    assert len(manifest.tracks) == 2
    return manifest.tracks[1].spans


def test_an_unsure_beginning_counts(clip: Path, tmp_path: Path) -> None:
    detector = Unsure(scores(3, 0.3))
    manifest = run(clip, tmp_path, detector)
    assert spans_of_the_second(manifest) == ((7, 20),)  # frames count from 1 there
    found = list(read_alpha(tmp_path / "walk" / "person_02.mkv"))
    for index in range(ENTERS, ENTERS + 3):
        left, top, right, bottom = boxes_at(index)[1]
        truth = np.zeros(found[index].shape, bool)
        truth[top:bottom, left:right] = True
        seen = found[index] > 0.5
        assert (truth & seen).sum() > 0.85 * (truth | seen).sum(), index
    # The frames are in the store: going on changes nothing.
    chunks = sorted((tmp_path / "walk" / "alphas").glob("*.chunk"))
    before = [chunk.read_bytes() for chunk in chunks]
    again = run(clip, tmp_path, detector, is_resumed=True)
    assert again.tracks == manifest.tracks
    assert [chunk.read_bytes() for chunk in chunks] == before


def test_a_store_whose_last_chunk_is_lost_after_somebody_was_added(
    clip: Path, tmp_path: Path
) -> None:
    """Resuming meets a person without a mask: they were added before they were detected."""
    detector = Unsure(scores(3, 0.3))
    manifest = run(clip, tmp_path, detector)
    chunks = sorted((tmp_path / "walk" / "alphas").glob("*.chunk"))
    whole = [chunk.read_bytes() for chunk in chunks]
    chunks[-1].unlink()
    again = run(clip, tmp_path, detector, is_resumed=True)
    assert again.tracks == manifest.tracks
    assert [chunk.read_bytes() for chunk in chunks] == whole


class Pair(ColorDetector):
    """Sees two people come in at once, one half before the other, unsure of both for a while."""

    has_exact_masks = False

    def detect(
        self, images: Sequence[np.ndarray], frame_indices: Sequence[int] | None = None
    ) -> list[Detections]:
        assert frame_indices is not None
        (index,) = frame_indices
        boxes = np.array([[40 + index, 20, 70 + index, 70], [55 + index, 20, 85 + index, 70]])
        boxes = boxes[: 0 if index < 2 else 2].astype(np.float32)
        scores = np.full(len(boxes), 0.3 if index < 6 else 0.9, np.float32)
        return [Detections(boxes, scores, np.ones((len(boxes), 28, 28), np.float32))]


class FairMatter(BoxMatter):
    """Shares a pixel equally among those who are matted together."""

    def matte(self, image: np.ndarray, people: Detections) -> list[AlphaFrame]:
        alphas = super().matte(image, people)
        parts = [
            np.s_[a.top : a.top + a.alpha.shape[0], a.left : a.left + a.alpha.shape[1]]
            for a in alphas
        ]
        total = np.zeros(image.shape[:2], np.float32)
        for part in parts:
            total[part] += 1
        return [
            replace(alpha, alpha=alpha.alpha / total[part])
            for alpha, part in zip(alphas, parts, strict=True)
        ]


def test_two_who_come_in_together_share_their_pixels(clip: Path, tmp_path: Path) -> None:
    config = replace(LIGHT, run=RunConfig(chunk_frames=8))
    manifest = matte_video(clip, tmp_path, config, detector=Pair(), matter=FairMatter())
    assert [track.spans[0][0] for track in manifest.tracks] == [3, 3]
    streams = [list(read_alpha(tmp_path / "walk" / track.file)) for track in manifest.tracks]
    for index, (one, other) in enumerate(zip(*streams, strict=True)):
        assert (one + other).max() == pytest.approx(float(index >= 2), abs=1e-3), index


@pytest.mark.parametrize(
    ("detector", "first"),
    [
        pytest.param(Unsure(scores(3, 0.2)), 10, id="too weak"),
        pytest.param(Unsure({**scores(3, 0.3), ENTERS + 1: 0.1}), 9, id="a chain with a hole"),
        pytest.param(
            Unsure({}, {ENTERS - 1: (40, 2, 60, 18)}), 7, id="what is elsewhere is not the person"
        ),
    ],
)
def test_where_it_ends(clip: Path, tmp_path: Path, detector: Unsure, first: int) -> None:
    assert spans_of_the_second(run(clip, tmp_path, detector))[0][0] == first


def test_not_for_ever(clip: Path, tmp_path: Path) -> None:
    certain = MAX_ENTRANCE_FRAMES + 3
    detector = Unsure(dict.fromkeys(range(certain), 0.3), person=0)
    starts = {track.spans[0][0] for track in run(clip, tmp_path, detector).tracks}
    assert starts == {certain + 1 - MAX_ENTRANCE_FRAMES, ENTERS + 1}


def test_a_cut_is_a_beginning(tmp_path: Path) -> None:
    """What stood there before the cut is somebody else, however alike."""
    cut_at = ENTERS + 2

    def elsewhere(index: int) -> np.ndarray:
        image = picture(index)
        if index < cut_at:
            rows, columns = np.indices(image.shape[:2]) // 16
            is_wall = (image == WALL).all(2)
            image[is_wall] = np.where((rows + columns) % 2, 250, 5)[is_wall][:, None]
        return image

    path = write_clip(tmp_path / "cut.mp4", 24, picture=elsewhere)
    manifest = run(path, tmp_path, Unsure(scores(2, 0.3)))
    assert manifest.cuts == (cut_at + 1,)
    starts = {track.spans[0][0] for track in manifest.tracks}
    assert cut_at + 1 in starts
    assert ENTERS + 1 not in starts
