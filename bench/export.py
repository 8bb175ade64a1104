"""Exported networks against torch on a CPU: processor time of one thread, and the difference.

    python bench/export.py [--repeats 9] [--check PICTURE]

Prints a Markdown table. The branch is compared with what the product runs, which computes the
finest layers only where they count; the file computes them everywhere. Files are written to a
temporary folder by `instmatt-video export`'s own code.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime
import torch

from instmatt_video.export.networks import export_network
from instmatt_video.export.pictures import CheckInputs, load_picture
from instmatt_video.models.matting_network import normalise_image
from instmatt_video.models.person_detector import load_person_detector
from instmatt_video.weights.loading import load_matting_network, resolve_weights


def cpu_ms(run: Callable[[], Any], repeats: int) -> float:
    """Return the least processor time of several runs, milliseconds; the first one warms up."""
    times = []
    for _ in range(1 + repeats):
        began = time.process_time()
        run()
        times.append(time.process_time() - began)
    return 1000 * min(times[1:])


def torch_runs(inputs: CheckInputs) -> dict[str, tuple[Callable[[], Any], tuple[Any, ...]]]:
    """Return what the product runs in torch for each part, and the part's inputs."""
    branch = load_matting_network("lite").branch
    detector = load_person_detector(resolve_weights("compact"))
    detector = detector.to(memory_format=torch.channels_last)
    image, tri_masks = (tensor[:1] for tensor in inputs.matting()[0])
    (picture,), (crops,) = inputs.pictures()[0], inputs.crops()[1]
    last = torch.channels_last
    return {
        "branch": (
            lambda: branch.predict_fine(branch.predict_coarse(normalise_image(image), tri_masks)),
            (image, tri_masks),
        ),
        "proposals": (
            lambda: detector.proposals(picture.contiguous(memory_format=last)),
            (picture,),
        ),
        "crops": (lambda: detector.crops(crops.contiguous(memory_format=last)), (crops,)),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--check", type=Path, help="picture with people")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    runs = torch_runs(CheckInputs(load_picture(arguments.check)))
    print("| part | input | torch CPU ms | onnxruntime CPU ms | torch:onnx | difference |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for network in ("matting", "detector"):
            for part in export_network(
                network, Path(folder) / "network.onnx", "onnx", check_picture=arguments.check
            ):
                run, inputs = runs[part.part]
                session = onnxruntime.InferenceSession(
                    str(part.path), options, providers=["CPUExecutionProvider"]
                )
                words = {
                    node.name: tensor.numpy()
                    for node, tensor in zip(session.get_inputs(), inputs, strict=True)
                }
                with torch.inference_mode():
                    torch_ms = cpu_ms(run, arguments.repeats)
                onnx_ms = cpu_ms(lambda: session.run(None, words), arguments.repeats)  # noqa: B023
                shape = "×".join(map(str, inputs[0].shape))
                print(
                    f"| {part.part} | {shape} | {torch_ms:.1f} | {onnx_ms:.1f} "
                    f"| {torch_ms / onnx_ms:.2f} | {part.difference:.0e} |",
                    flush=True,
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
