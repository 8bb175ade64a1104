"""`instmatt-video export`: a network as ONNX or TorchScript."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..arguments import add_talk_options

FORMAT_NAMES = ("onnx", "torchscript")
NETWORKS = ("matting", "detector")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("--format", choices=FORMAT_NAMES, required=True)
    parser.add_argument("--network", choices=NETWORKS, default="matting")
    parser.add_argument(
        "--model",
        metavar="NAME",
        help="weights: lite, base or a file; of the detector, compact or a file",
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help="each part's name is put before the suffix: FILE.branch.onnx, or "
        "FILE.proposals.onnx, FILE.crops.onnx and FILE.mutual.onnx",
    )
    parser.add_argument(
        "--check",
        type=Path,
        metavar="PICTURE",
        help="picture or clip with people on which the file is compared with torch",
    )
    add_talk_options(parser, has_json=False)


def run(args: argparse.Namespace) -> int:
    """Export and return the exit status."""
    from .networks import export_network

    for exported in export_network(
        args.network, args.out, args.format, args.model, check_picture=args.check
    ):
        if not args.is_quiet:
            print(
                f"{exported.path}: {exported.size_bytes / 1e6:.1f} MB, "
                f"largest difference from torch {exported.difference:.1e}",
                file=sys.stderr,
            )
    return 0
