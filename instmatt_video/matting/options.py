"""The options that say how people are matted, alike for clips and for pictures."""

from __future__ import annotations

import argparse

from ..config import DEVICES, PRECISIONS, RUNTIMES, MattingConfig


def add_matting_options(group: argparse._ArgumentGroup) -> None:
    """Add the options of `MattingConfig`."""
    default = MattingConfig()
    group.add_argument(
        "--model",
        dest="matting.model",
        metavar="NAME",
        help=f"lite, base or a weights file (default: {default.model})",
    )
    group.add_argument(
        "--matte-size",
        dest="matting.matte_size",
        type=int,
        metavar="PX",
        help=f"longest side of a person as the network sees it (default: {default.matte_size})",
    )
    group.add_argument(
        "--no-refinement",
        dest="matting.has_refinement",
        action="store_false",
        default=None,
        help="leave out the multi-instance refinement",
    )
    group.add_argument(
        "--no-second-look",
        dest="matting.has_second_look",
        action="store_false",
        default=None,
        help="let the network look once: faster, less right where masks are wrong",
    )
    group.add_argument(
        "--no-solved-edges",
        dest="matting.has_solved_edges",
        action="store_false",
        default=None,
        help="leave edges as the network drew them: faster, softer",
    )
    group.add_argument(
        "--color-noise",
        dest="matting.color_noise",
        type=float,
        metavar="STD",
        help="errors of colours, 0.0005..0.1 of white, no edge follows (default: by the coding)",
    )
    add_device_options(group)


def add_device_options(group: argparse._ArgumentGroup) -> None:
    """Add where and how exactly networks compute; `live` has these, and few of the others."""
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
