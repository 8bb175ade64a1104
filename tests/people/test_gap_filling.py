"""Short gaps of a made clip are filled; what stands in the way is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from instmatt_video import MatteConfig, matte_video
from instmatt_video.config import OutputConfig, RunConfig
from instmatt_video.detection.detections import Detections
from instmatt_video.manifest import Manifest
from instmatt_video.media.alpha_reader import read_alpha
from instmatt_video.people.gap_filling import MAX_GAP_FRAMES, find_gaps
from instmatt_video.people.identities import Cast, Identity, Sighting
from tests.synthetic_clip import BoxMatter, ColorDetector, boxes_at, picture, write_clip

FRAMES = 40
LIGHT = MatteConfig(output=OutputConfig(format="matte-ffv1", has_preview=False))


class Flickering(ColorDetector):
    """Does not see person 0 in some frames."""

    has_exact_masks = False

    def __init__(self, blind: Sequence[int]) -> None:
        super().__init__()
        self.blind = blind

    def detect(
        self, images: Sequence[np.ndarray], frame_indices: Sequence[int] | None = None
    ) -> list[Detections]:
        assert frame_indices is not None
        (found,) = super().detect(images, frame_indices)
        if frame_indices[0] in self.blind:
            left = boxes_at(frame_indices[0])[0][0]
            found = found.select(np.abs(found.boxes[:, 0] - left) > 2)
        return [found]


def cast(
    detections: dict[int, Sequence[int]], visible: Sequence[int], cuts: Sequence[int] = ()
) -> Cast:
    """Return one person whose tracklets are detected in the given frames."""
    person = Identity(1, "person_01", frozenset(detections), np.array(visible), 0.9, 0)
    sightings = {t: {k: Sighting(0.9, 100.0) for k in frames} for t, frames in detections.items()}
    counting = {t: frozenset(frames) for t, frames in detections.items()}
    return Cast((person,), counting, tuple(cuts), sightings=sightings)


class TestFindGaps:
    def test_between_two_tracklets_of_a_person(self) -> None:
        (gap,) = find_gaps(cast({3: [0, 1, 2], 7: [6, 7]}, [0, 1, 2, 6, 7]))
        assert (gap.before, gap.after) == (2, 6)
        assert (gap.tracklet_before, gap.tracklet_after) == (3, 7)
        assert gap.missing == {3, 4, 5}

    def test_where_a_moved_mask_was_given_up_before_the_person_was_found_again(self) -> None:
        (gap,) = find_gaps(cast({3: [0, 1, 8]}, [0, 1, 2, 3, 4, 8]))
        assert gap.missing == {5, 6, 7}

    @pytest.mark.parametrize(
        ("detections", "visible", "cuts"),
        [
            pytest.param({1: [0, 1, 2]}, [0, 1, 2], [], id="no gap"),
            pytest.param({1: [0, 1, 4]}, [0, 1, 2, 3, 4], [], id="all frames have an alpha"),
            pytest.param({1: [0, 1], 2: [4]}, [0, 1, 4], [3], id="a cut between"),
            pytest.param(
                {1: [0], 2: [MAX_GAP_FRAMES + 2]}, [0, MAX_GAP_FRAMES + 2], [], id="too long"
            ),
        ],
    )
    def test_nothing_to_fill(
        self, detections: dict[int, Sequence[int]], visible: Sequence[int], cuts: Sequence[int]
    ) -> None:
        assert find_gaps(cast(detections, visible, cuts)) == []

    def test_longest_gap(self) -> None:
        (gap,) = find_gaps(cast({1: [0], 2: [MAX_GAP_FRAMES + 1]}, [0, MAX_GAP_FRAMES + 1]))
        assert len(gap.missing) == MAX_GAP_FRAMES

    def test_nobody(self) -> None:
        assert find_gaps(Cast((), {}, ())) == []


@pytest.fixture
def no_coasting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let masks be given up at once, so that every missed frame is a gap."""
    monkeypatch.setattr("instmatt_video.people.finder.MAX_COAST_FRAMES", -1)


def run(clip: Path, out: Path, blind: Sequence[int], **settings: object) -> Manifest:
    config = replace(LIGHT, run=RunConfig(chunk_frames=8, **settings))  # type: ignore[arg-type]
    return matte_video(clip, out, config, detector=Flickering(blind), matter=BoxMatter())


def store_bytes(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted((folder / "alphas").glob("*.chunk"))}


@pytest.mark.usefixtures("no_coasting")
class TestFillGaps:
    def test_the_person_is_where_they_were(self, tmp_path: Path) -> None:
        blind = range(10, 15)
        clip = write_clip(tmp_path / "walk.mp4", 24)
        manifest = run(clip, tmp_path, blind)
        assert manifest.tracks[0].frames_visible == 24
        found = list(read_alpha(tmp_path / "walk" / "person_01.mkv"))
        for index in blind:
            left, top, right, bottom = boxes_at(index)[0]
            truth = np.zeros(found[index].shape, bool)
            truth[top:bottom, left:right] = True
            seen = found[index] > 0.5
            assert (truth & seen).sum() > 0.85 * (truth | seen).sum(), index
        # The frames are in the store: rendering again, or going on, changes nothing.
        before = store_bytes(tmp_path / "walk")
        run(clip, tmp_path, blind, is_resumed=True)
        assert store_bytes(tmp_path / "walk") == before
        rows = np.loadtxt(tmp_path / "walk" / "tracks.txt", delimiter=",")
        assert set(rows[rows[:, 1] == 1, 0]) == set(range(1, 25))

    def test_where_somebody_else_stands_nothing_is_filled(self, tmp_path: Path) -> None:
        # A wall hides the person while the detector does not see them.
        blind = range(10, 14)

        def hidden(index: int) -> np.ndarray:
            image = picture(index)
            if index in blind:
                left, top, right, bottom = boxes_at(index)[0]
                image[top - 8 : bottom + 8, left - 8 : right + 8] = (40, 190, 200)
            return image

        write_clip(tmp_path / "walk.mp4", 24, picture=hidden)
        manifest = run(tmp_path / "walk.mp4", tmp_path, blind)
        assert manifest.tracks[0].spans == ((1, 10), (15, 24))

    def test_a_broken_run_ends_with_the_same_bytes(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        blind = range(10, 15)
        clip = write_clip(tmp_path / "walk.mp4", 24)
        run(clip, tmp_path / "whole", blind)

        def killed(*_: object) -> None:
            raise RuntimeError("pulled the plug")

        with monkeypatch.context() as patch:
            patch.setattr("instmatt_video.alpha_store.AlphaStore._rewrite_journal", killed)
            with pytest.raises(RuntimeError, match="pulled the plug"):
                run(clip, tmp_path / "broken", blind)
        run(clip, tmp_path / "broken", blind, is_resumed=True)
        folders = [tmp_path / name / "walk" for name in ("whole", "broken")]
        assert store_bytes(folders[0]) == store_bytes(folders[1])


def test_what_another_person_covers_is_left_to_them() -> None:
    from instmatt_video.alpha_frame import AlphaFrame
    from instmatt_video.people.late_matting import _within_rest
    from tests.made_records import alpha

    person = AlphaFrame(10, 10, np.full((40, 20), 0.75, np.float32))
    rest = _within_rest(person, [alpha(2, 20), alpha(3, 0, 0.5)])
    assert rest.alpha[:, :10] == pytest.approx(0.5, abs=1e-3)
    assert not rest.alpha[:, 10:].any()
    assert np.array_equal(_within_rest(person, []).alpha, person.alpha)
