"""Tracking metrics: by hand, and as TrackEval's own reading of files gives them."""

from __future__ import annotations

import importlib.util
import math
from dataclasses import replace
from pathlib import Path

import pytest

from instmatt_video.errors import EvaluationError
from instmatt_video.evaluation import tracks as track_evaluation
from instmatt_video.evaluation.tracks import evaluate_tracks
from instmatt_video.link import link
from instmatt_video.mot_text import FloatArray
from instmatt_video.trackers.boxes import pairwise_iou

pytest.importorskip("trackeval")


def write_tracks(path: Path, rows: list[tuple[int, int, float]], flag: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{frame},{who},{left},10,20,40,{flag},-1,-1,-1" for frame, who, left in rows]
    path.write_text("\n".join(lines) + "\n")
    return path


def walk(who: int, start: float, frames: range = range(1, 11)) -> list[tuple[int, int, float]]:
    return [(t, who, start + 3 * t) for t in frames]


TRUTH = walk(1, 0) + walk(2, 100)


def test_identity_is_one(tmp_path: Path) -> None:
    truth = write_tracks(tmp_path / "gt.txt", TRUTH)
    scores = evaluate_tracks(truth, truth).total
    assert (scores.hota, scores.mota, scores.idf1, scores.switches) == (1, 1, 1, 0)


def test_a_switch_half_way(tmp_path: Path) -> None:
    truth = write_tracks(tmp_path / "gt.txt", TRUTH)
    switched = walk(1, 0, range(1, 6)) + walk(3, 0, range(6, 11)) + walk(2, 100)
    tracks = write_tracks(tmp_path / "tracks.txt", switched)
    scores = evaluate_tracks(tracks, truth).total
    assert scores.switches == 1
    assert scores.mota == pytest.approx(1 - 1 / 20)
    # 15 of 20 boxes bear the right identity on either side.
    assert scores.idf1 == pytest.approx(15 / 20)


def test_a_missed_person_and_a_flagged_one(tmp_path: Path) -> None:
    truth = write_tracks(tmp_path / "gt.txt", TRUTH)
    with truth.open("a") as file:
        file.write("1,9,500,10,20,40,0,-1,-1,-1\n")
    tracks = write_tracks(tmp_path / "tracks.txt", walk(7, 0))
    scores = evaluate_tracks(tracks, truth).total
    assert (scores.false_negatives, scores.false_positives) == (10, 0)
    assert scores.mota == pytest.approx(0.5)


def test_no_tracks_at_all(tmp_path: Path) -> None:
    truth = write_tracks(tmp_path / "gt.txt", TRUTH)
    (tmp_path / "tracks.txt").write_text("")
    assert evaluate_tracks(tmp_path / "tracks.txt", truth).total.idf1 == 0


def test_inventions_where_nobody_is_have_no_mota(tmp_path: Path) -> None:
    nobody = tmp_path / "gt.txt"
    nobody.write_text("")
    tracks = write_tracks(tmp_path / "tracks.txt", walk(1, 0))
    scores = evaluate_tracks(tracks, nobody).total
    assert math.isnan(scores.mota)
    assert (scores.hota, scores.false_positives) == (0, 10)


def test_a_sequence_of_nobody_on_either_side_has_no_scores(tmp_path: Path) -> None:
    for side in ("gt", "pred"):
        write_tracks(tmp_path / side / "s1.txt", TRUTH)
        (tmp_path / side / "s2.txt").write_text("")
    evaluation = evaluate_tracks(tmp_path / "pred", tmp_path / "gt")
    alone = evaluate_tracks(tmp_path / "pred" / "s2.txt", tmp_path / "gt" / "s2.txt").total
    for scores in (evaluation.sequences[1], alone):
        fractions = (scores.hota, scores.det_a, scores.ass_a, scores.mota, scores.idf1)
        assert all(math.isnan(fraction) for fraction in fractions)
        assert (scores.false_positives, scores.false_negatives) == (0, 0)
    assert replace(evaluation.total, name="s1") == evaluation.sequences[0]


def test_frames_of_nobody_count_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    switched = walk(1, 0, range(1, 6)) + walk(3, 0, range(6, 11)) + walk(2, 100)
    looks = []

    def look(*boxes: FloatArray) -> FloatArray:
        looks.append(boxes)
        return pairwise_iou(*boxes)

    monkeypatch.setattr(track_evaluation, "pairwise_iou", look)
    scores = []
    for stride in (1, 100_000):
        truth, found = (
            write_tracks(tmp_path / f"{name}{stride}.txt", [(stride * t, *r) for t, *r in rows])
            for name, rows in (("gt", TRUTH), ("tracks", switched))
        )
        scores.append(replace(evaluate_tracks(found, truth).total, name=""))
    assert scores[0] == scores[1]
    assert len(looks) == 20


def test_folders_of_sequences(tmp_path: Path) -> None:
    write_tracks(tmp_path / "gt" / "s1" / "gt" / "gt.txt", TRUTH)
    write_tracks(tmp_path / "gt" / "s2" / "gt.txt", TRUTH)
    write_tracks(tmp_path / "pred" / "s1.txt", TRUTH)
    write_tracks(tmp_path / "pred" / "s2" / "tracks.txt", walk(1, 0))
    evaluation = evaluate_tracks(tmp_path / "pred", tmp_path / "gt")
    assert [sequence.name for sequence in evaluation.sequences] == ["s1", "s2"]
    assert evaluation.total.mota == pytest.approx(0.75)


def test_errors_name_the_file(tmp_path: Path) -> None:
    truth = write_tracks(tmp_path / "gt" / "s1" / "gt.txt", TRUTH)
    (tmp_path / "pred").mkdir()
    with pytest.raises(EvaluationError, match=r"missing .*s1\.txt"):
        evaluate_tracks(tmp_path / "pred", tmp_path / "gt")
    twice = write_tracks(tmp_path / "twice.txt", walk(1, 0) + walk(1, 50))
    with pytest.raises(EvaluationError, match=r"twice\.txt: identity 1 occurs twice in frame 1"):
        evaluate_tracks(twice, truth)


def test_the_numbers_are_those_of_the_bench(tmp_path: Path, shared_dir: Path) -> None:
    bench = shared_dir / "bench/mot"
    spec = importlib.util.spec_from_file_location("score", bench / "score.py")
    assert spec is not None and spec.loader is not None
    score = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(score)
    out = tmp_path / "results" / "ours"
    out.mkdir(parents=True)
    for det in bench.glob("*/det.txt"):
        link(det, out / f"{det.parent.name}.txt", online=True)
    expected = score.evaluate(tmp_path / "results")["ours"]
    evaluation = evaluate_tracks(out, bench)
    for found in (evaluation.total, *evaluation.sequences):
        hota, ass_a, mota, idf1, switches = expected[found.name]
        assert 100 * found.hota == pytest.approx(hota)
        assert 100 * found.ass_a == pytest.approx(ass_a)
        assert 100 * found.mota == pytest.approx(mota)
        assert 100 * found.idf1 == pytest.approx(idf1)
        assert found.switches == switches
