"""HOTA, MOTA and IDF1 of identity tracks in MOTChallenge text, by TrackEval (extra `eval`)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from instmatt_video.trackers.boxes import pairwise_iou

from ..errors import EvaluationError
from ..extras import require_extra
from ..media.matte_file import list_folders, require_folder
from ..mot_text import BOX, FRAME, IDENTITY, SCORE, FloatArray, read_mot


@dataclass(frozen=True)
class TrackScores:
    """Scores of one sequence or of all together; fractions, 1 is best.

    They are not numbers where there is nobody on either side.
    """

    name: str
    hota: float
    det_a: float
    ass_a: float
    mota: float
    """Not a number where the truth has nobody, whatever was found."""
    idf1: float
    switches: int
    fragmentations: int
    false_positives: int
    false_negatives: int


@dataclass(frozen=True)
class TrackEvaluation:
    """Scores of a set of sequences."""

    total: TrackScores
    sequences: tuple[TrackScores, ...]


def _find_sequences(predictions: Path, targets: Path) -> list[tuple[str, Path, Path]]:
    """Return (name, tracks, truth) of every sequence.

    Two files are one sequence. In folders the truth is `<seq>/gt/gt.txt`, `<seq>/gt.txt`,
    `<seq>/tracks.txt` or `<seq>.txt`; the tracks are `<seq>.txt` or `<seq>/tracks.txt`.
    """
    if targets.is_file():
        tracks = predictions / "tracks.txt" if predictions.is_dir() else predictions
        return [(predictions.stem, tracks, targets)]
    require_folder(targets, "true tracks")
    require_folder(predictions, "tracks")
    truth: dict[str, Path] = {}
    for folder in list_folders(targets):
        for inner in ("gt/gt.txt", "gt.txt", "tracks.txt"):
            if (folder / inner).is_file():
                truth[folder.name] = folder / inner
                break
    for path in sorted(targets.glob("*.txt")):
        truth.setdefault(path.stem, path)
    if not truth:
        raise EvaluationError(
            f"{targets}: no truth, neither <sequence>/gt/gt.txt nor <sequence>.txt"
        )
    sequences = []
    for name, path in truth.items():
        choices = (predictions / f"{name}.txt", predictions / name / "tracks.txt")
        found = next((choice for choice in choices if choice.is_file()), None)
        if found is None:
            raise EvaluationError(f"missing {choices[0]}: {path} has no tracks")
        sequences.append((name, found, path))
    return sequences


def _arrange(tracks: FloatArray, truth: FloatArray) -> dict[str, Any]:
    """Return what TrackEval's metrics take: ids from 0 and overlaps, frame by frame.

    Frames in which nobody is on either side are left out; they count for none of the metrics.
    """
    frames = np.union1d(truth[:, FRAME], tracks[:, FRAME])
    ids, boxes, num_ids = [], [], []
    for rows in (truth, tracks):
        names, identities = np.unique(rows[:, IDENTITY], return_inverse=True)
        starts = np.searchsorted(rows[:, FRAME], frames[1:])
        ids.append(np.split(identities, starts))
        boxes.append(np.split(rows[:, BOX], starts))
        num_ids.append(len(names))
    return {
        "gt_ids": ids[0],
        "tracker_ids": ids[1],
        "similarity_scores": [pairwise_iou(*pair) for pair in zip(*boxes, strict=True)],
        "num_gt_ids": num_ids[0],
        "num_tracker_ids": num_ids[1],
        "num_gt_dets": len(truth),
        "num_tracker_dets": len(tracks),
        "num_timesteps": len(frames),
    }


def _read_unique(path: Path) -> FloatArray:
    """Return the rows of a file in which an identity is in one place at a time."""
    rows = read_mot(path)
    keys, counts = np.unique(rows[:, [FRAME, IDENTITY]], axis=0, return_counts=True)
    if (counts > 1).any():
        frame, identity = keys[counts > 1][0].astype(int)
        raise EvaluationError(f"{path}: identity {identity} occurs twice in frame {frame}")
    return rows


def _scores(name: str, results: dict[str, dict[str, Any]]) -> TrackScores:
    hota, clear, identity = (results[key] for key in ("HOTA", "CLEAR", "Identity"))
    num_true = int(clear["CLR_TP"] + clear["CLR_FN"])
    is_empty = not num_true and not clear["CLR_FP"]

    def mean(values: Any) -> float:
        return math.nan if is_empty else float(np.mean(values))  # TrackEval says 0

    return TrackScores(
        name=name,
        hota=mean(hota["HOTA"]),
        det_a=mean(hota["DetA"]),
        ass_a=mean(hota["AssA"]),
        mota=float(clear["MOTA"]) if num_true else math.nan,
        idf1=mean(identity["IDF1"]),
        switches=int(clear["IDSW"]),
        fragmentations=int(clear["Frag"]),
        false_positives=int(clear["CLR_FP"]),
        false_negatives=int(clear["CLR_FN"]),
    )


def evaluate_tracks(predictions: Path, targets: Path) -> TrackEvaluation:
    """Return HOTA, MOTA and IDF1 of tracks, over all sequences and of each.

    Rows of the truth whose seventh column is 0 are no people to be found (MOTChallenge); they and
    what stands there are otherwise not treated apart.

    Args:
        predictions: `tracks.txt`, any MOTChallenge text, or a folder of them.
        targets: A file of truth, or a folder.

    Raises:
        EvaluationError: Predictions and truth do not fit together.
        VideoOpenError: A file is missing or malformed; it is named.
        MatteReadError: A folder is missing.
        OptionError: TrackEval is not installed.
    """
    require_extra("eval", "eval tracks")
    from trackeval import _timing
    from trackeval.metrics import CLEAR, HOTA, Identity

    _timing.DO_TIMING = False
    metrics = {
        "HOTA": HOTA(),
        "CLEAR": CLEAR({"PRINT_CONFIG": False}),
        "Identity": Identity({"PRINT_CONFIG": False}),
    }
    results: dict[str, dict[str, Any]] = {}
    for name, tracks_path, truth_path in _find_sequences(predictions, targets):
        truth = _read_unique(truth_path)
        data = _arrange(_read_unique(tracks_path), truth[truth[:, SCORE] != 0])
        results[name] = {key: metric.eval_sequence(data) for key, metric in metrics.items()}
    combined = {
        key: metric.combine_sequences({name: result[key] for name, result in results.items()})
        for key, metric in metrics.items()
    }
    sequences = tuple(_scores(name, result) for name, result in results.items())
    return TrackEvaluation(_scores("ALL", combined), sequences)
