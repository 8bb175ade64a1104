"""Pixels that somebody took who turned out to be nobody."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from instmatt_video.alpha_frame import AlphaFrame
from instmatt_video.alpha_store import AlphaStore
from instmatt_video.frame_record import FrameRecord, pack_alpha
from instmatt_video.people.identities import cast_of
from instmatt_video.people.returned_pixels import return_pixels, without_ghosts
from tests.made_records import alpha, frame_record, tracked

PERSON, GHOST, OTHER = 1, 2, 3


def with_a_ghost(index: int, at: int) -> FrameRecord:
    """Return a person of 20 x 40 px at column 30, and a ghost that has 6 x 10 px from `at` on."""
    whole = np.ones((40, 20), np.float32)
    if 30 <= at < 50:
        whole[10:20, at - 30 : at - 24] = 0
    box = np.array([at, 20.0, at + 6, 30.0])
    return frame_record(
        index,
        (tracked(PERSON, 30), replace(tracked(GHOST, at), box=box)),
        (
            pack_alpha(PERSON, AlphaFrame(30, 10, whole), False),
            pack_alpha(GHOST, AlphaFrame(at, 20, np.ones((10, 6), np.float32)), False),
        ),
    )


def alpha_of(record: FrameRecord) -> np.ndarray:
    (stored,) = record.alphas
    assert stored.track_id == PERSON
    found = stored.unpack()
    canvas = np.zeros((100, 100), np.float32)
    canvas[found.area.slices] = found.alpha
    return canvas


def test_a_hole_is_closed() -> None:
    expected = np.zeros((100, 100), np.float32)
    expected[10:50, 30:50] = 1
    settled = without_ghosts(with_a_ghost(0, at=36), frozenset({PERSON}))
    np.testing.assert_array_equal(alpha_of(settled), expected)


def test_what_no_mask_claims_was_background() -> None:
    record = with_a_ghost(0, at=70)
    assert without_ghosts(record, frozenset({PERSON})) is record


def test_of_two_the_surer_one_gets_a_pixel() -> None:
    ghostly = with_a_ghost(0, at=36)
    record = frame_record(0, (*ghostly.tracks, tracked(OTHER, 34)), ghostly.alphas)
    sureness = np.float32([0.8, 1, 1])[:, None, None]
    record = replace(
        record,
        detections=replace(record.detections, masks=record.detections.masks * sureness),
        alphas=(*ghostly.alphas, alpha(OTHER, 34, 0.0)),
    )
    settled = without_ghosts(record, frozenset({PERSON, OTHER}))
    given = {stored.track_id: stored.unpack().alpha.sum() for stored in settled.alphas}
    assert given == {PERSON: 20 * 40 - 60, OTHER: 60}


def test_who_took_nothing_stays() -> None:
    ghostly = with_a_ghost(0, at=36)
    elsewhere = pack_alpha(OTHER, AlphaFrame(70, 20, np.ones((10, 6), np.float32)), False)
    record = replace(ghostly, alphas=(elsewhere, *ghostly.alphas))
    settled = without_ghosts(record, frozenset({PERSON}))
    assert settled.alphas[0] == elsewhere
    assert [alpha.track_id for alpha in settled.alphas] == [OTHER, PERSON]


def test_nothing_changes_where_everybody_counts() -> None:
    record = with_a_ghost(0, at=36)
    assert without_ghosts(record, frozenset({PERSON, GHOST})) is record


def test_the_store_is_settled_once(tmp_path: Path) -> None:
    store = AlphaStore(tmp_path / "alphas", {})
    store.create()
    records = [frame_record(k, (tracked(PERSON, 30),), (alpha(PERSON, 30),)) for k in range(20)]
    records[7] = with_a_ghost(7, at=36)
    store.append(records[:10])
    store.append(records[10:])
    store.complete()
    return_pixels(store, cast_of(store.records(), frozenset({PERSON})))
    assert all(alpha_of(record).sum() == 20 * 40 for record in store.records())
    journal = (store.folder / "journal.jsonl").read_bytes()
    return_pixels(store, cast_of(store.records(), frozenset({PERSON})))
    assert (store.folder / "journal.jsonl").read_bytes() == journal


@pytest.mark.parametrize(
    ("score", "is_returned"),
    [pytest.param(0.4, True, id="a shadow"), pytest.param(0.9, False, id="somebody too briefly")],
)
def test_who_is_never_certain_keeps_nothing_of_a_person(
    tmp_path: Path, score: float, is_returned: bool
) -> None:
    """The tracker believes in both of them, and neither is given a stream."""
    store = AlphaStore(tmp_path / "alphas", {})
    store.create()
    records = [frame_record(k, (tracked(PERSON, 30),), (alpha(PERSON, 30),)) for k in range(20)]
    for k in range(5, 10):
        ghostly = with_a_ghost(k, at=36)
        person, ghost = ghostly.tracks
        records[k] = replace(ghostly, tracks=(person, replace(ghost, score=score)))
    store.append(records)
    store.complete()
    cast = cast_of(store.records(), frozenset({PERSON, GHOST}))
    assert [identity.tracklet_ids for identity in cast.identities] == [frozenset({PERSON})]
    return_pixels(store, cast)
    kept = [sum(a.unpack().alpha.sum() for a in r.alphas if a.track_id == PERSON) for r in records]
    found = [
        sum(a.unpack().alpha.sum() for a in r.alphas if a.track_id == PERSON)
        for r in store.records()
    ]
    assert found == ([20 * 40] * 20 if is_returned else kept)
