"""Torch against onnxruntime on a CPU, part by part: processor time of one thread.

    OMP_NUM_THREADS=1 python bench/export.py [--repeats 15] [--check PICTURE]

Prints a Markdown table. `proposals`, `crops` and `trunk` are what `--runtime onnx` computes;
`branch` is the whole of the matting network as `export` writes it, beside what the product runs in
torch, which computes the finest layers only where they count. Both take turns, so that whatever
else the machine does weighs on both; graphs are read from the cache, and exported into it at the
first run.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from instmatt_video.export.parts import Part, detector_parts, matting_parts, trunk_part
from instmatt_video.export.pictures import CheckInputs, load_picture
from instmatt_video.export.writing import largest_difference, open_onnx
from instmatt_video.models.matting_network import normalise_image
from instmatt_video.onnx_runtime.graph_cache import load_graph
from instmatt_video.weights.loading import (
    load_detector_networks,
    load_matting_network,
)

CROPS = 7
"""People whom the detector looks at in a crowded picture."""


@dataclass(frozen=True)
class Contest:
    """One part on one input."""

    part: Part
    by_torch: Callable[..., Any]
    """What the product runs."""
    inputs: tuple[Tensor, ...]


def contests(inputs: CheckInputs) -> list[Contest]:
    """Return every part with inputs made from a picture."""
    detector = load_detector_networks()
    network = load_matting_network("lite")
    (picture,), (crop,) = inputs.pictures()[0], inputs.crops()[0]
    mutual_crop, guidance = inputs.mutual_crops()[0]
    parts = detector_parts(detector, inputs.pictures, inputs.crops, inputs.mutual_crops)
    proposals, crops, *mutual = parts
    matting = [tuple(tensor[:1] for tensor in case) for case in inputs.matting()]
    pictures = [torch.cat((normalise_image(image), masks), 1) for image, masks in matting]
    trunk = trunk_part(network, lambda: [(picture,) for picture in pictures])
    (branch,) = matting_parts(network, lambda: matting)

    def matte(image: Tensor, tri_masks: Tensor) -> Any:
        image = normalise_image(image)
        guidance = network.branch.look_first(image, tri_masks)
        return network.branch.predict_fine(network.branch.predict_coarse(image, guidance))

    # The parts share their layers with these, which the product runs with channels last.
    detector.to(memory_format=torch.channels_last)
    return [
        Contest(proposals, detector.proposals, (picture,)),
        Contest(crops, detector.crops, (crop,)),
        Contest(crops, detector.crops, (crop.repeat(CROPS, 1, 1, 1),)),
        *(Contest(part, part.module, (mutual_crop, guidance)) for part in mutual),
        *(Contest(trunk, network.branch.run_trunk, (picture,)) for picture in pictures),
        *(Contest(branch, matte, case) for case in matting),
    ]


@torch.inference_mode()
def race(contest: Contest, repeats: int) -> tuple[float, float, float]:
    """Return torch's and onnxruntime's median milliseconds, and their largest difference."""
    by_onnx = open_onnx(load_graph(contest.part), threads=1)
    last = torch.channels_last
    for_torch = [tensor.contiguous(memory_format=last) for tensor in contest.inputs]
    times: dict[str, list[float]] = {"torch": [], "onnx": []}
    for _ in range(1 + repeats):  # the first one warms up
        times["torch"].append(cpu_ms(lambda: contest.by_torch(*for_torch)))
        times["onnx"].append(cpu_ms(lambda: by_onnx(contest.inputs)))
    difference = largest_difference(contest.part, by_onnx, [contest.inputs])
    medians = [statistics.median(values[1:]) for values in times.values()]
    return medians[0], medians[1], difference


def cpu_ms(run: Callable[[], Any]) -> float:
    """Return the processor time of a call, milliseconds."""
    began = time.process_time()
    run()
    return 1000 * (time.process_time() - began)


def main(words: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--check", type=Path, help="picture with people")
    arguments = parser.parse_args(words)
    torch.set_num_threads(1)
    print("| part | input | torch ms | onnxruntime ms | torch:onnxruntime | difference |")
    print("|---|---|---|---|---|---|", flush=True)
    for contest in contests(CheckInputs(load_picture(arguments.check))):
        torch_ms, onnx_ms, difference = race(contest, arguments.repeats)
        shape = "×".join(map(str, contest.inputs[0].shape))
        print(
            f"| {contest.part.name} | {shape} | {torch_ms:.1f} | {onnx_ms:.1f} "
            f"| {torch_ms / onnx_ms:.2f} | {difference:.0e} |",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
