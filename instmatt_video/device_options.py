"""The options that say where and how exactly networks compute, alike in every command."""

from __future__ import annotations

import argparse

from .config import DEVICES, PRECISIONS, RUNTIMES


def add_device_options(group: argparse._ArgumentGroup) -> None:
    """Add `--device`, `--precision` and `--runtime` of `MattingConfig`."""
    group.add_argument(
        "--device", dest="matting.device", metavar="NAME", help=f"{', '.join(DEVICES)}"
    )
    group.add_argument("--precision", dest="matting.precision", choices=PRECISIONS)
    group.add_argument(
        "--runtime",
        dest="matting.runtime",
        choices=RUNTIMES,
        help="onnx: onnxruntime where it is faster, on a CPU (extra onnx; default: torch)",
    )
