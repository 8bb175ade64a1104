"""`instmatt-video train matting|detector|cutouts`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from ..arguments import add_talk_options
from ..errors import OptionError
from ..extras import require_extra

if TYPE_CHECKING:
    from rich.console import Console

PHOTOS_A_LINE = 100
"""How often `train cutouts` says how far it is."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser of `train` its commands."""
    networks = parser.add_subparsers(dest="network", required=True, metavar="WHAT")
    matting = networks.add_parser("matting", help="the matting branch (1), then its refinement (2)")
    matting.add_argument("--stage", type=int, choices=(1, 2), required=True)
    matting.add_argument(
        "--preset", help="lite or base, on our schedule (default: lite; --config names its own)"
    )
    matting.add_argument(
        "--mask-channels",
        type=int,
        choices=(1, 2, 3),
        help="ablation: target mask; and reference; and background",
    )
    detector = networks.add_parser("detector", help="the compact person detector")
    detector.add_argument(
        "--licences",
        type=_licences,
        metavar="4,5,7",
        help="train on photos of these COCO licence ids alone (4, 5, 7 are permissive)",
    )
    detector.add_argument("--init", type=Path, metavar="WEIGHTS", help="safetensors to begin with")
    cutouts = networks.add_parser(
        "cutouts", help="no training: cut people out of photos with hard masks, to be composed"
    )
    cutouts.add_argument(
        "--model",
        default="lite",
        metavar="WEIGHTS",
        help="finds edges: lite (default), or a file",
    )
    for command, packs in (
        (matting, "cutouts, backgrounds, photos, instances, matted"),
        (detector, "photos, masked_photos, cutouts, backgrounds"),
        (cutouts, "photos, instances"),
    ):
        command.add_argument(
            "--data",
            type=Path,
            required=True,
            metavar="TOML",
            help=f"where the pictures are: {packs} (the model card has an example)",
        )
        command.add_argument("--out", type=Path, required=True, metavar="FOLDER")
        add_talk_options(command, has_json=False)
    for command, whose in (
        (matting, "lite, or a file; stage 2: those of stage 1"),
        (detector, "a whole detector: compact, or a file"),
    ):
        command.add_argument(
            "--start-from", type=Path, metavar="WEIGHTS", help=f"weights to go on from ({whose})"
        )
        command.add_argument("--config", type=Path, metavar="TOML", help="schedule; else ours")
        command.add_argument("--steps", type=int, help="instead of the schedule's")
        command.add_argument("--seed", type=int, help="of all chance, instead of the schedule's")


def run(args: argparse.Namespace) -> int:
    """Train, or cut people out, and return the exit status; a run found in `--out` is resumed."""
    require_extra("train", "training")
    from ..console import make_console, set_up_logging
    from .processes import is_first_process

    console = make_console()
    set_up_logging(console, args.is_verbose, args.is_quiet)

    def show(part: str, step: int, steps: int, figures: Mapping[str, float]) -> None:
        if not args.is_quiet:
            rate = figures.get("steps_per_s", 0.0)
            left_min = (steps - step) / rate / 60 if rate else float("inf")
            console.print(
                f"{part}  step {step}/{steps}  loss {figures['loss']:.4f}  {rate:.2f} steps/s  "
                f"{left_min:.0f} min left",
                highlight=False,
            )

    if args.network == "cutouts":
        return _cut_out(args, console)
    if args.network == "matting":
        from .matting.training import train_matting

        if args.preset and args.config:
            raise OptionError("--config names its preset itself: leave --preset out")
        figures = train_matting(
            args.config or shipped_config(f"matting-{args.preset or 'lite'}"),
            args.data,
            args.stage,
            args.out,
            args.start_from,
            partial(show, f"stage {args.stage}"),
            args.mask_channels,
            args.steps,
            args.seed,
        )
    else:
        from .detector.training import train_detector

        figures = train_detector(
            args.config or shipped_config("detector"),
            args.data,
            args.out,
            progress=show,
            licences=args.licences,
            initialisation=args.init,
            steps=args.steps,
            seed=args.seed,
            start_from=args.start_from,
        )
    if is_first_process():
        which = "best" if args.network == "matting" else "last"
        told = "  ".join(f"{name} {value:.2f}" for name, value in figures.items())
        console.print(f"{which}: {told}", highlight=False)
    return 0


def is_resumable(args: argparse.Namespace) -> bool:
    """Return whether the training that the arguments name has left a checkpoint."""
    from .loop_config import CHECKPOINT_FILE

    part = "*/" if args.network == "detector" else ""
    return any(args.out.glob(part + CHECKPOINT_FILE))


def _cut_out(args: argparse.Namespace, console: Console) -> int:
    from ..config import MattingConfig
    from ..matting.matter import Matter
    from .pictures.photo_cutouts import write_cutouts

    def show(done: int, photos: int, people: int) -> None:
        if not args.is_quiet and (done % PHOTOS_A_LINE == 0 or done == photos):
            console.print(f"photo {done}/{photos}  {people} people", highlight=False)

    matter = Matter.from_config(MattingConfig(model=args.model))
    count = write_cutouts(args.data, matter, args.out, show)
    console.print(f"{count} people cut out to {args.out}", highlight=False)
    return 0


def shipped_config(name: str) -> Path:
    """Return a schedule that comes with the program.

    Raises:
        OptionError: There is none of that name.
    """
    path = Path(str(files("instmatt_video.training") / "configs" / f"{name}.toml"))
    if not path.is_file():
        raise OptionError(f"no schedule {name!r} comes with the program: name one with --config")
    return path


def _licences(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"numbers with commas, such as 4,5,7, not {text}"
        ) from None
