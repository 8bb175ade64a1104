"""`predict-images`: a folder of images to HIM2K-shaped alphas, with masks given or detected.

Together with `eval images` this is the paper's whole experiment. One image is in memory at a time,
and images that were made from the same already are left alone, so a stopped run goes on where it
was; such as were made otherwise are never passed off as this run's.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import __version__
from ..arguments import add_talk_options, named_folder
from ..checksums import digest
from ..config import MattingConfig
from ..counting_bar import Count, counting_bar
from ..errors import OptionError, VideoOpenError
from ..matting.matter import Matter
from ..matting.options import add_matting_options
from ..media.color_noise import noise_of_picture
from ..media.frame import as_eight_bit
from ..media.image_sequence import read_image
from ..media.matte_file import list_folders, list_pictures
from ..weights.loading import resolve_weights
from .image_masks import DetectedMasks, GivenMasks, ImageMasks
from .prediction_folder import PredictionFolder

Mattes = Callable[[npt.NDArray[np.uint8], npt.NDArray[np.uint8]], npt.NDArray[np.uint8]]
"""Image `(h, w, 3)` and masks `(n, h, w)` to alphas `(n, h, w)`, all 0..255."""


def predict_images(
    images: Path,
    out: Path,
    masks: Path | None = None,
    config: MattingConfig | None = None,
    detector: str = "auto",
    is_release: bool = False,
    report: Count = lambda done, total: None,
    is_overwriting: bool = False,
) -> int:
    """Write `out/<image>/<nn>.png` for every person; return how many images were matted now.

    Args:
        images: Folder of pictures, or of subsets; the other folders are then laid out likewise.
        out: Folder for the alphas, 8-bit grey.
        masks: Folder of `<image>/<nn>.png`, whose names the alphas take; an empty folder says that
            nobody is there. `None` detects people.
        config: Network, device, resolution.
        detector: Which detector, where there are no masks.
        is_release: Do exactly what the authors' release does: its resizing, windows and truncation.
        report: Told of images done and in all.
        is_overwriting: Replace alphas that were made from something else or otherwise.

    Raises:
        OptionError: Such alphas are there, and not to be replaced, or `out` is a folder of
            the pictures or masks.
        VideoOpenError: There are no pictures, or one cannot be read.
        MaskReadError: An image has no folder of masks, or one cannot be read.
        AlphaWriteError: An alpha cannot be written.
    """
    named_paths = _list_images(images)
    for folder, what in ((images, "pictures"), (masks, "masks")):
        if folder is not None and folder.resolve() == out.resolve():
            raise OptionError(f"{out} is the folder of the {what}: give another --out")
    config = config or MattingConfig()
    matter = Matter.from_config(config)
    mattes = _release_mattes(matter) if is_release else _own_mattes(matter)
    finder: ImageMasks = (
        DetectedMasks(detector, config, matter.device) if masks is None else GivenMasks(masks)
    )
    settings = [__version__, asdict(config), digest(resolve_weights(config.model)), is_release]

    def origin(image: str) -> Any:
        return [settings, digest(named_paths[image]), finder.origin(image)]

    predictions = PredictionFolder(out, origin)
    done = predictions.find_done(named_paths, is_overwriting)
    made = 0
    for count, (image, path) in enumerate(named_paths.items(), 1):
        if image not in done:
            picture = read_image(path)
            if picture is None:
                raise VideoOpenError(f"{path} cannot be read as a picture")
            pixels = as_eight_bit(picture)
            named = finder.find(image, pixels)
            if named:
                matter.color_noise = config.color_noise or noise_of_picture(path.suffix)
                alphas = mattes(pixels, np.stack(list(named.values())))
            else:
                alphas = np.zeros((0, *pixels.shape[:2]), np.uint8)
            predictions.write(image, dict(zip(named, alphas, strict=True)))
            made += 1
        report(count, len(named_paths))
    return made


def _list_images(root: Path) -> dict[str, Path]:
    """Return the pictures of a folder and of the folders in it, by `[<subset>/]<image>`."""
    if not root.is_dir():
        raise VideoOpenError(f"no folder of pictures at {root}")
    named: dict[str, Path] = {}
    for folder in (root, *list_folders(root)):
        for path in list_pictures(folder):
            name = path.relative_to(root).with_suffix("").as_posix()
            if name in named:
                raise VideoOpenError(f"{named[name].name} and {path.name} share one output name")
            named[name] = path
    if not named:
        raise VideoOpenError(f"no pictures in {root}")
    return named


def _own_mattes(matter: Matter) -> Mattes:
    def mattes(image: npt.NDArray[np.uint8], masks: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        return np.asarray(matter.matte_masks(image, masks) * 255 + 0.5, np.uint8)

    return mattes


def _release_mattes(matter: Matter) -> Mattes:
    from ..matting.release import matte_image_release

    def mattes(image: npt.NDArray[np.uint8], masks: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        return matte_image_release(matter.network, image, masks)

    return mattes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser of `predict-images` its options."""
    parser.add_argument(
        "images", type=Path, metavar="IMAGES", help="folder of pictures or of subsets"
    )
    parser.add_argument("--masks", type=Path, help="folder of <image>/<nn>.png; else detected")
    parser.add_argument("--out", type=named_folder, required=True, metavar="PRED")
    parser.add_argument(
        "--detector", default="auto", help="auto, compact, maskrcnn or a weights file"
    )
    add_matting_options(parser.add_argument_group("matting"))
    parser.add_argument(
        "--release", action="store_true", help="exactly what the authors' release does"
    )
    parser.add_argument(
        "--overwrite",
        dest="is_overwriting",
        action="store_true",
        help="replace alphas in PRED that were made from something else or with other settings",
    )
    add_talk_options(parser, has_json=False)


def run(args: argparse.Namespace) -> int:
    """Predict what was asked for; return the exit status."""
    from ..console import make_console, set_up_logging
    from ..settings import flags_of, resolve_config

    console = make_console()
    set_up_logging(console, args.is_verbose, args.is_quiet)
    config = resolve_config(flags_of(args)).matting
    with counting_bar(console, "images", args.is_quiet) as count:
        made = predict_images(
            args.images,
            args.out,
            args.masks,
            config,
            args.detector,
            args.release,
            count,
            args.is_overwriting,
        )
    if not args.is_quiet:
        print(f"{made} images matted now: {args.out}", file=sys.stderr)
    return 0
