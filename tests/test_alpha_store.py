"""The alpha store: exact levels, whole chunks only, and what a crash leaves behind."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from instmatt_video.alpha_frame import AlphaFrame
from instmatt_video.alpha_store import AlphaStore
from instmatt_video.detection.detections import Detections
from instmatt_video.errors import AlphaStoreError, AlphaWriteError, OptionError
from instmatt_video.frame_record import ALPHA_LEVELS, FrameRecord, TrackedBox, pack_alpha

PRINT = {"source": "abc", "interval of detection": 1, "size": [4, 3]}


def record(index: int, people: int = 2) -> FrameRecord:
    rng = np.random.default_rng(index)
    boxes = rng.uniform(0, 50, (people, 4)).astype(np.float32)
    detections = Detections(
        boxes,
        np.sort(rng.random(people, np.float32))[::-1].copy(),
        rng.random((people, 28, 28), np.float32),
        rng.random((people, 6), np.float32) if index % 2 else None,
        np.arange(7, 7 + people) if index % 3 else None,
    )
    tracks = tuple(
        TrackedBox(k + 1, boxes[k].astype(np.float64), 0.9, 0 if k == 0 else None)
        for k in range(people)
    )
    alphas = tuple(
        pack_alpha(k + 1, AlphaFrame(3 * k, 5, rng.random((4, 6), np.float32)), k == 1)
        for k in range(people)
    )
    camera = np.eye(2, 3) if index % 3 else None
    return FrameRecord(
        index, Fraction(index * 1001, 30000), index == 4, True, camera, detections, tracks, alphas
    )


def filled(folder: Path, chunks: int = 3, fingerprint: dict[str, object] = PRINT) -> AlphaStore:
    store = AlphaStore(folder, fingerprint)
    store.create()
    for chunk in range(chunks):
        store.append([record(2 * chunk), record(2 * chunk + 1)])
    return store


def same(a: FrameRecord, b: FrameRecord) -> bool:
    def arrays(r: FrameRecord) -> list[np.ndarray | None]:
        d = r.detections
        found = [d.boxes, d.scores, d.masks, d.features, d.identities]
        return [*found, r.camera_motion, *(t.box for t in r.tracks)]

    plain = all(
        getattr(a, name) == getattr(b, name)
        for name in ("index", "time", "is_cut", "was_looked_at", "alphas")
    )
    tracks = [(t.track_id, t.score, t.row) for t in a.tracks] == [
        (t.track_id, t.score, t.row) for t in b.tracks
    ]
    return (
        plain
        and tracks
        and all(
            (x is None and y is None) or np.array_equal(x, y)
            for x, y in zip(arrays(a), arrays(b), strict=True)
        )
    )


class TestAlpha:
    def test_every_level_of_12_bits_comes_back(self) -> None:
        levels = np.arange(ALPHA_LEVELS + 1, dtype=np.float32).reshape(64, 64) / ALPHA_LEVELS
        frame = pack_alpha(7, AlphaFrame(2, 3, levels), False).unpack()
        assert (frame.left, frame.top) == (2, 3)
        assert np.array_equal(frame.alpha, levels)

    def test_any_alpha_is_off_by_half_a_level_at_most(self) -> None:
        alpha = np.random.default_rng(0).random((50, 40), np.float32)
        back = pack_alpha(1, AlphaFrame(0, 0, alpha), False).unpack().alpha
        assert np.abs(back - alpha).max() <= 0.5 / ALPHA_LEVELS + 1e-6
        assert back.dtype == np.float32

    def test_nothing_seen_takes_no_space(self) -> None:
        stored = pack_alpha(1, AlphaFrame(0, 0, np.zeros((0, 0), np.float32)), True)
        assert stored.png == b"" and stored.is_coasted
        assert stored.unpack().alpha.shape == (0, 0)

    @pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1)])
    def test_slivers(self, shape: tuple[int, int]) -> None:
        alpha = np.ones(shape, np.float32)
        assert np.array_equal(pack_alpha(1, AlphaFrame(0, 0, alpha), False).unpack().alpha, alpha)


class TestRecords:
    def test_what_goes_in_comes_out(self, tmp_path: Path) -> None:
        store = filled(tmp_path / "s")
        back = list(store.records())
        assert [r.index for r in back] == list(range(6))
        assert all(same(r, record(r.index)) for r in back)

    def test_frames_without_anybody(self, tmp_path: Path) -> None:
        store = AlphaStore(tmp_path / "s", PRINT)
        store.create()
        store.append([record(0, 0)])
        (back,) = store.records()
        assert same(back, record(0, 0)) and len(back.detections) == 0

    def test_same_records_same_bytes(self, tmp_path: Path) -> None:
        for name in ("a", "b"):
            filled(tmp_path / name)
        chunks = sorted((tmp_path / "a").glob("*.chunk"))
        assert len(chunks) == 3
        for chunk in chunks:
            assert chunk.read_bytes() == (tmp_path / "b" / chunk.name).read_bytes()

    def test_chunks_follow_one_another(self, tmp_path: Path) -> None:
        store = filled(tmp_path / "s", 1)
        with pytest.raises(ValueError, match="next chunk begins with frame 2"):
            store.append([record(1)])
        with pytest.raises(ValueError, match="next chunk begins with frame 2"):
            store.append([])
        with pytest.raises(ValueError, match="next chunk begins with frame 2"):
            store.append([record(3)])

    def test_frames_that_could_not_be_read_are_known(self, tmp_path: Path) -> None:
        folder = tmp_path / "s"
        store = filled(folder, 1)
        store.append([replace(record(index), is_held=index == 3) for index in (2, 3)])
        store.amend({0: replace(record(0), is_held=True)})
        store.complete()
        again = AlphaStore.open(folder)
        assert store.held_frames == again.held_frames == [0, 3]
        assert [r.index for r in again.records() if r.is_held] == [0, 3]

    def test_size_is_that_of_the_chunks(self, tmp_path: Path) -> None:
        store = filled(tmp_path / "s")
        assert store.size_bytes == sum(p.stat().st_size for p in (tmp_path / "s").glob("*.chunk"))


class TestResume:
    def resumed(self, folder: Path) -> AlphaStore:
        store = AlphaStore(folder, PRINT)
        assert store.resume()
        return store

    def test_nothing_there(self, tmp_path: Path) -> None:
        assert not AlphaStore(tmp_path / "s", PRINT).resume()

    def test_goes_on_where_it_stood(self, tmp_path: Path) -> None:
        filled(tmp_path / "s")
        store = self.resumed(tmp_path / "s")
        assert store.frame_count == 6 and not store.is_complete
        store.append([record(6)])
        store.complete()
        again = self.resumed(tmp_path / "s")
        assert again.frame_count == 7 and again.is_complete

    @pytest.mark.parametrize(
        ("amended", "reach", "kept"),
        [
            pytest.param((), 0, 6, id="everything"),
            pytest.param((), 1, 4, id="up to frames that the next ones would have steadied"),
            pytest.param((), 2, 4, id="all of such"),
            pytest.param((3,), 0, 2, id="up to what was changed for those who were known"),
            pytest.param((0,), 0, 0, id="nothing"),
        ],
    )
    def test_of_a_clip_that_broke_off_only_what_its_rest_cannot_change(
        self, amended: tuple[int, ...], reach: int, kept: int, tmp_path: Path
    ) -> None:
        store = filled(tmp_path / "s")
        store.complete("the disk was away")
        store.amend({frame: record(frame, 0) for frame in amended})
        assert AlphaStore.open(tmp_path / "s").frame_count == 6
        again = AlphaStore(tmp_path / "s", PRINT)
        assert again.resume(reach)
        assert (again.frame_count, again.is_complete, again.breaks_off) == (kept, False, None)
        again.append([record(kept)])
        again.complete()
        assert [r.index for r in AlphaStore.open(tmp_path / "s").records()] == [*range(kept + 1)]

    def test_of_a_clip_that_ended_everything(self, tmp_path: Path) -> None:
        store = filled(tmp_path / "s")
        store.complete()
        store.amend({0: record(0, 0)})
        again = AlphaStore(tmp_path / "s", PRINT)
        assert again.resume(2) and again.is_complete and again.frame_count == 6

    @pytest.mark.parametrize(
        "tear", [pytest.param(1, id="the end of line alone"), pytest.param(20, id="half a line")]
    )
    def test_a_torn_last_line_costs_its_chunk_and_nothing_later(
        self, tmp_path: Path, tear: int
    ) -> None:
        filled(tmp_path / "s")
        journal = tmp_path / "s" / "journal.jsonl"
        journal.write_bytes(journal.read_bytes()[:-tear])
        store = self.resumed(tmp_path / "s")
        assert store.frame_count == (6 if tear == 1 else 4)
        store.append([record(store.frame_count)])
        store.complete()
        again = self.resumed(tmp_path / "s")
        assert again.frame_count == store.frame_count and again.is_complete

    def test_a_complete_store_stays_complete(self, tmp_path: Path) -> None:
        filled(tmp_path / "s").complete()
        for _ in range(3):
            assert self.resumed(tmp_path / "s").is_complete

    @pytest.mark.parametrize("damage", ["changed", "gone"])
    def test_a_damaged_chunk_ends_what_is_taken_up(self, tmp_path: Path, damage: str) -> None:
        filled(tmp_path / "s").complete()
        chunk = tmp_path / "s" / "00000002.chunk"
        if damage == "gone":
            chunk.unlink()
        else:
            data = bytearray(chunk.read_bytes())
            data[len(data) // 2] ^= 1
            chunk.write_bytes(data)
        store = self.resumed(tmp_path / "s")
        assert store.frame_count == 2 and not store.is_complete
        assert not self.resumed(tmp_path / "s").is_complete, "and it stays so"
        store.append([record(2), record(3)])
        assert [r.index for r in self.resumed(tmp_path / "s").records()] == [0, 1, 2, 3]

    @pytest.mark.parametrize(
        "line",
        [
            pytest.param(b"7", id="a number"),
            pytest.param(b'{"foo": 1}', id="other fields"),
            pytest.param(b'{"first": 2, "end": "x", "sha256": "", "held": []}', id="no frame"),
            pytest.param(b'{"first": 2, \xff', id="no UTF-8"),
            pytest.param(b'{"is_complete": true}', id="half an end"),
        ],
    )
    def test_a_damaged_line_ends_what_is_taken_up(self, tmp_path: Path, line: bytes) -> None:
        folder = tmp_path / "s"
        filled(folder).complete()
        head, first, _, *rest = (folder / "journal.jsonl").read_bytes().splitlines()
        (folder / "journal.jsonl").write_bytes(b"\n".join([head, first, line, *rest, b""]))
        with pytest.raises(AlphaStoreError, match="run the clip again with --resume"):
            AlphaStore.open(folder)
        store = self.resumed(folder)
        assert store.frame_count == 2 and not store.is_complete
        store.append([record(2), record(3)])
        assert [r.index for r in self.resumed(folder).records()] == [0, 1, 2, 3]

    def test_a_lost_line_ends_what_is_taken_up(self, tmp_path: Path) -> None:
        folder = tmp_path / "s"
        filled(folder).complete()
        head, first, _, *rest = (folder / "journal.jsonl").read_bytes().splitlines()
        (folder / "journal.jsonl").write_bytes(b"\n".join([head, first, *rest, b""]))
        assert self.resumed(folder).frame_count == 2

    @pytest.mark.parametrize("head", [b"[1]", b"\xff", b""])
    def test_behind_a_damaged_first_line_nothing_is_taken_up(
        self, tmp_path: Path, head: bytes
    ) -> None:
        folder = tmp_path / "s"
        filled(folder).complete()
        _, *rest = (folder / "journal.jsonl").read_bytes().splitlines()
        (folder / "journal.jsonl").write_bytes(b"\n".join([head, *rest, b""]))
        with pytest.raises(AlphaStoreError, match="run the clip again with --resume"):
            AlphaStore.open(folder)
        assert not AlphaStore.is_left_whole(folder)
        assert not AlphaStore(folder, PRINT).resume()

    def test_a_chunk_without_its_journal_line_does_not_count(self, tmp_path: Path) -> None:
        store = filled(tmp_path / "s", 1)
        (tmp_path / "s" / "00000002.chunk").write_bytes(b"left over")
        store = self.resumed(tmp_path / "s")
        assert store.frame_count == 2
        store.append([record(2)])
        assert len(list(self.resumed(tmp_path / "s").records())) == 3

    @pytest.mark.parametrize(
        ("change", "named"),
        [
            ({"source": "another"}, "another source: give another --out-dir"),
            ({"interval of detection": 2}, "another interval of detection: resume with"),
            ({"size": [4, 4]}, "another size"),
        ],
    )
    def test_other_settings_are_refused_by_name(
        self, tmp_path: Path, change: dict[str, object], named: str
    ) -> None:
        filled(tmp_path / "s")
        with pytest.raises(OptionError, match=named):
            AlphaStore(tmp_path / "s", {**PRINT, **change}).resume()

    def test_tuples_and_lists_are_one(self, tmp_path: Path) -> None:
        filled(tmp_path / "s")
        assert AlphaStore(tmp_path / "s", {**PRINT, "size": (4, 3)}).resume()

    def test_create_begins_anew(self, tmp_path: Path) -> None:
        filled(tmp_path / "s")
        store = AlphaStore(tmp_path / "s", PRINT)
        store.create()
        assert store.frame_count == 0
        assert not list((tmp_path / "s").glob("*.chunk"))

    def test_remove(self, tmp_path: Path) -> None:
        filled(tmp_path / "s").remove()
        assert not (tmp_path / "s").exists()


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = filled(tmp_path / "s", 1)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("instmatt_video.alpha_store.os.fsync", full)
    with pytest.raises(AlphaWriteError, match=r"00000002\.chunk cannot be written: No space left"):
        store.append([record(2)])
    assert store.frame_count == 2
