"""What masks and alphas steadied over neighbouring frames give, on made clips of held-out people.

    python bench/steadying.py --data DATA.toml [--clips 8] [--masks 0 2] [--alphas 0 2] [--standing]

DATA.toml is the matting training's own; people and places are those that training never sees. Each
clip is one shot of `benchmark_clips.py`, with noise and JPEG, matted with the embedded weights;
with `--standing` the first person of each hardly moves. Who is who is told by the truth, so that no
tracker plays into it. Prints Markdown.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import torch

from instmatt_video.analysis import with_alphas
from instmatt_video.detection.compact import CompactDetector
from instmatt_video.detection.paste import paste_masks
from instmatt_video.device import choose_precision
from instmatt_video.eval.temporal import TemporalAccumulator
from instmatt_video.evaluation.benchmark_clips import ClipFrame, plan_clip
from instmatt_video.frame_record import FrameRecord
from instmatt_video.matting.matter import Matter
from instmatt_video.media.color_noise import CODED
from instmatt_video.media.frame import Frame
from instmatt_video.people.finder import FoundPeople
from instmatt_video.people.identities import Cast
from instmatt_video.people.mask_steadying import MaskSteadier
from instmatt_video.rectangle import Rectangle
from instmatt_video.rendering.alpha_steadying import AlphaSteadier
from instmatt_video.rendering.frame_alphas import FrameAlphas
from instmatt_video.training.config_file import read_config, resolve
from instmatt_video.training.pictures.cutouts import read_cutout
from instmatt_video.training.pictures.data import MattingData
from instmatt_video.training.pictures.held_out import read_split
from instmatt_video.training.pictures.packs import ImagePack
from instmatt_video.weights.loading import load_matting_network

SIZE = (640, 400)
NUM_FRAMES = 32
MIN_OVERLAP = 0.4
MIN_PIXELS = 800
"""Of whom less is to be seen is not counted in a frame."""


SWAY = 0.004
"""Of who stands: a pixel or two."""


def make_shots(data_path: Path, count: int, is_standing: bool) -> Iterator[list[ClipFrame]]:
    data = read_config(data_path, MattingData)
    cutouts = ImagePack(resolve(data.cutouts, data_path), data.cutouts_under)
    places = ImagePack(resolve(data.backgrounds, data_path))
    names = sorted(read_split("matting_val_cutouts"))
    place_names = sorted(read_split("matting_val_backgrounds"))
    rng = np.random.default_rng(7)
    for _ in range(count):
        chosen = rng.choice(names, int(rng.integers(2, 4)), replace=False)
        people = [read_cutout(cutouts, name) for name in chosen]
        behind = [places.read(name) for name in rng.choice(place_names, 2, replace=False)]
        plan = plan_clip(people, behind, SIZE, NUM_FRAMES, rng)
        if is_standing:
            (place, walkers), after = plan.shots
            standing = [
                replace(w, path=(w.path[0], w.path[0]), sway=SWAY) if w.person == 0 else w
                for w in walkers
            ]
            plan = replace(plan, shots=((place, tuple(standing)), after))
        frames = list(plan.draw())[: plan.cut_frame]
        yield [replace(frame, image=_coded(frame.image, rng)) for frame in frames]


def find(frames: list[ClipFrame], detector: CompactDetector) -> list[FoundPeople]:
    """Return whom the detector finds, numbered as in the truth."""
    found = []
    for index, frame in enumerate(frames):
        detections = detector.detect([frame.image])[0]
        masks = paste_masks(detections, *frame.image.shape[:2]) > 0.5
        rows = {}
        for person, alpha in enumerate(frame.alphas):
            truth = alpha > 127
            overlaps = [(m & truth).sum() / max((m | truth).sum(), 1) for m in masks]
            if truth.sum() >= MIN_PIXELS and max(overlaps, default=0) > MIN_OVERLAP:
                rows[person] = int(np.argmax(overlaps))
        people = detections.select(np.array(list(rows.values()), np.intp))
        time = Fraction(index, 25)
        record = FrameRecord(index, time, False, True, None, people, (), ())
        still = (False,) * len(rows)
        picture = Frame(index, time, frame.image)
        believed = frozenset(rows)
        found.append(FoundPeople(picture, record, people, tuple(rows), still, still, believed))
    return found


def matted(found: list[FoundPeople], matter: Matter, reach: int) -> list[tuple[Frame, FrameAlphas]]:
    """Return everybody's alphas in each frame, from masks steadied over so many frames."""
    steadier = MaskSteadier(reach)
    steadied = [ready for people in found for ready in steadier.take(people)] + steadier.finish()
    frames = []
    for people in steadied:
        alphas = matter.matte(people.frame.image, people.people)
        record = with_alphas(people, alphas).record
        cast = Cast((), {track: frozenset({record.index}) for track in people.track_ids}, ())
        frames.append((people.frame, FrameAlphas(record, cast)))
    return frames


def measure(
    frames: list[ClipFrame], mattes: list[tuple[Frame, FrameAlphas]], reach: int
) -> dict[int, tuple[float, float, float, float]]:
    """Return each person's relative errors, flicker and lag, alphas steadied so far."""
    steadier = AlphaSteadier(reach)
    steadied = [ready for pair in mattes for ready in steadier.take(*pair, is_cut=False)]
    steadied += steadier.finish()
    errors: dict[int, list[tuple[float, float, float]]] = defaultdict(list)
    in_time: dict[int, TemporalAccumulator] = defaultdict(TemporalAccumulator)
    for frame, (_, alphas) in zip(frames, steadied, strict=True):
        whole = Rectangle(0, 0, frame.image.shape[1], frame.image.shape[0])
        for person, part in alphas.parts().items():
            truth = frame.alphas[person] / np.float32(255)
            alpha = part.within(whole)
            wrong = alpha - truth
            errors[person].append(
                (float(np.abs(wrong).sum()), float((wrong**2).sum()), float(truth.sum()))
            )
            in_time[person].add(alpha, truth)
    results = {}
    for person, rows in errors.items():
        absolute, squared, area = np.sum(rows, 0)
        temporal = in_time[person].result()
        results[person] = absolute / area, squared / area, temporal.dtssd, temporal.moving_edge
    return results


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="TOML of the training's data")
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--masks", type=int, nargs="+", default=[0, 2], metavar="REACH")
    parser.add_argument("--alphas", type=int, nargs="+", default=[0, 2], metavar="REACH")
    parser.add_argument("--standing", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    detector = CompactDetector()
    precision = choose_precision("auto", torch.device("cpu"))
    matter = Matter(load_matting_network("lite"), precision=precision, color_noise=CODED)
    results: dict[tuple[int, int, str], list[tuple[float, float, float, float]]]
    results = defaultdict(list)
    for frames in make_shots(arguments.data, arguments.clips, arguments.standing):
        found = find(frames, detector)
        for masks in arguments.masks:
            mattes = matted(found, matter, masks)
            for alphas in arguments.alphas:
                for person, row in measure(frames, mattes, alphas).items():
                    who = "stand" if arguments.standing and person == 0 else "walk"
                    results[masks, alphas, who].append(row)
    print("| masks | alphas | people | error, % | squared, % | dtSSD, % | moving edges |")
    print("|---|---|---|---|---|---|---|")
    for (masks, alphas, who), rows in sorted(results.items()):
        mean = np.nanmean(rows, 0)
        shares = " | ".join(f"{100 * value:.2f}" for value in mean[:3])
        print(f"| {masks} | {alphas} | {len(rows)} who {who} | {shares} | {mean[3]:.3f} |")


def _coded(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    noisy = (image + rng.normal(0, 2, image.shape)).clip(0, 255).astype(np.uint8)
    _, data = cv2.imencode(".jpg", noisy[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[..., ::-1].copy()


if __name__ == "__main__":
    main()
