#!/usr/bin/env python3
"""Score the tracker on MOTChallenge sequences, online and offline, beside its peers.

    python bench/tracking.py                 # shared/bench/mot beside the checkout
    python bench/tracking.py --data DIR      # DIR/<sequence>/det.txt, gt.txt, seqinfo.ini
    python bench/tracking.py --keep RESULTS  # leaves RESULTS/online/*.txt and RESULTS/offline/*.txt

Boxes and scores only. Online, a row depends on no later detection, except that the first rows of
a track are given out when it is confirmed (`TrackerConfig.confirm_frames`). The random searches
ran on ADL-Rundle-6, ETH-Sunnyday, PETS09-S2L1 and TUD-Campus; the last one-at-a-time comparisons
(least overlap, growth of boxes, direction) were read over all six, so KITTI-17 and TUD-Stadtmitte
are not wholly unseen.
Needs the extra `eval` (trackeval).
"""

from __future__ import annotations

import argparse
import configparser
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from instmatt_video.evaluation.tracks import TrackScores, evaluate_tracks
from instmatt_video.link import link

TUNED_ON = ("ADL-Rundle-6", "ETH-Sunnyday", "PETS09-S2L1", "TUD-Campus")

# HOTA, AssA, MOTA, IDF1, switches over the six sequences, peers at their defaults with the same
# detections. Source: shared/bench/mot/README.md (roboflow trackers 2.6.1 and the original SORT,
# November 2026).
PEERS = {
    "SORT (original)": (39.37, 35.38, 53.47, 49.12, 225),
    "SORTTracker": (40.03, 36.76, 50.11, 52.06, 259),
    "ByteTrackTracker": (40.56, 37.09, 50.60, 54.81, 229),
    "OCSORTTracker": (39.12, 36.05, 50.35, 53.71, 170),
    "BoTSORTTracker (boxes only)": (41.56, 38.97, 51.50, 56.78, 215),
    "McByteTracker (boxes only)": (41.38, 38.67, 51.32, 56.57, 218),
}
HEADER = "HOTA | AssA | MOTA | IDF1 | switches"


@dataclass(frozen=True)
class Sequence:
    """One sequence's detections and truth."""

    folder: Path
    num_frames: int


def read_sequences(data: Path) -> list[Sequence]:
    sequences = []
    for folder in sorted(path.parent for path in data.glob("*/gt.txt")):
        info = configparser.ConfigParser()
        info.read(folder / "seqinfo.ini", encoding="utf-8")
        sequences.append(Sequence(folder, info.getint("Sequence", "seqLength")))
    return sequences


def score(data: Path, results: Path) -> dict[str, tuple[float, ...]]:
    """Return HOTA, AssA, MOTA, IDF1 (percent) and switches of each sequence and of all together."""
    evaluation = evaluate_tracks(results, data)
    rows = {sequence.name: _figures(sequence) for sequence in evaluation.sequences}
    return rows | {"all": _figures(evaluation.total)}


def _figures(scores: TrackScores) -> tuple[float, ...]:
    fractions = (scores.hota, scores.ass_a, scores.mota, scores.idf1)
    return (*(100.0 * fraction for fraction in fractions), scores.switches)


def run(sequences: list[Sequence], out: Path, *, online: bool) -> float:
    """Link every sequence; return frames per second of processor time, files included."""
    out.mkdir(parents=True, exist_ok=True)
    started = time.process_time()
    for sequence in sequences:
        link(sequence.folder / "det.txt", out / f"{sequence.folder.name}.txt", online)
    return sum(s.num_frames for s in sequences) / (time.process_time() - started)


def _line(name: str, figures: tuple[float, ...]) -> str:
    *percents, switches = figures
    return f"| {name} | " + " | ".join(f"{value:.2f}" for value in percents) + f" | {switches} |"


def main() -> None:
    here = Path(__file__).resolve().parents[1]
    shared = Path(os.environ.get("INSTMATT_SHARED", here.parent / "shared"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=shared / "bench" / "mot")
    parser.add_argument("--keep", type=Path, help="folder in which the tracks are left")
    args = parser.parse_args()
    sequences = read_sequences(args.data)
    if not sequences:
        parser.error(f"no sequences (*/gt.txt) in {args.data}")
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.keep or Path(scratch)
        run(sequences[:1], folder / "online", online=False)  # imports and caches warm up here
        rates, scores = {}, {}
        for mode in ("online", "offline"):
            rates[mode] = run(sequences, folder / mode, online=mode == "online")
            scores[mode] = score(args.data, folder / mode)

    print(f"| all {len(sequences)} sequences | {HEADER} |\n|---|---|---|---|---|---|")
    for mode, figures in scores.items():
        print(_line(f"instmatt-video {mode} ({rates[mode]:.0f} frames/s)", figures["all"]))
    for name, figures in PEERS.items():
        print(_line(name, figures))
    for mode, figures in scores.items():
        print(f"\n| {mode} | {HEADER} |\n|---|---|---|---|---|---|")
        for sequence in sequences:
            name = sequence.folder.name
            label = f"{name} (tuned on)" if name in TUNED_ON else name
            print(_line(label, figures[name]))


if __name__ == "__main__":
    main()
