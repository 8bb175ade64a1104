"""`predict-images`: a folder of images to HIM2K-shaped alphas, with masks given or detected.

Together with `eval images` this is the paper's whole experiment. One image is in memory at a time,
and images that are done already are left alone, so a stopped run goes on where it was.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from ..config import MattingConfig
from ..detection.mask_file import read_mask
from ..errors import AlphaWriteError, MaskReadError, VideoOpenError
from ..matting.matter import Matter
from ..matting.options import add_matting_options
from ..media.color_noise import noise_of_picture
from ..media.frame import as_eight_bit
from ..media.image_sequence import read_image
from .matte_file import list_folders, list_mattes, list_pictures

logger = logging.getLogger(__name__)

Mattes = Callable[[npt.NDArray[np.uint8], npt.NDArray[np.uint8]], npt.NDArray[np.uint8]]
"""Image `(h, w, 3)` and masks `(n, h, w)` to alphas `(n, h, w)`, all 0..255."""
FindMasks = Callable[[str, npt.NDArray[np.uint8]], dict[str, npt.NDArray[np.uint8]]]
"""Image's name and pixels to the masks `(h, w)`, 0..255, by the names of their alphas' files."""


def predict_images(
    images: Path,
    out: Path,
    masks: Path | None = None,
    config: MattingConfig | None = None,
    detector: str = "auto",
    is_release: bool = False,
    report: Callable[[int, int], None] = lambda done, total: None,
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

    Raises:
        VideoOpenError: There are no pictures, or one cannot be read.
        MaskReadError: An image has no folder of masks, or one cannot be read.
        AlphaWriteError: An alpha cannot be written.
    """
    named_paths = _list_images(images)
    config = config or MattingConfig()
    matter = Matter.from_config(config)
    mattes = _release_mattes(matter) if is_release else _own_mattes(matter)
    find_masks = (
        _masks_from(masks)
        if masks is not None
        else _detected_masks(detector, matter, config.runtime)
    )
    made = 0
    for done, (image, path) in enumerate(named_paths.items(), 1):
        folder = out / image
        if not folder.is_dir():
            picture = read_image(path)
            if picture is None:
                raise VideoOpenError(f"{path} cannot be read as a picture")
            pixels = as_eight_bit(picture)
            named = find_masks(image, pixels)
            if named:
                matter.color_noise = config.color_noise or noise_of_picture(path.suffix)
                alphas = mattes(pixels, np.stack(list(named.values())))
            else:
                alphas = np.zeros((0, *pixels.shape[:2]), np.uint8)
            _write_folder(folder, dict(zip(named, alphas, strict=True)))
            made += 1
        report(done, len(named_paths))
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


def _masks_from(root: Path) -> FindMasks:
    def find(image: str, pixels: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.uint8]]:
        folder = root / image
        if not folder.is_dir():
            raise MaskReadError(f"{image} has no masks at {folder}")
        masks: dict[str, npt.NDArray[np.uint8]] = {}
        for path in list_mattes(folder):
            name = f"{path.stem}.png"
            if name in masks:
                raise MaskReadError(f"{path} shares its name with another mask")
            mask = read_mask(path)
            if mask.shape != pixels.shape[:2]:
                size = (pixels.shape[1], pixels.shape[0])
                resized = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)
                mask = np.asarray(resized, np.uint8)
            masks[name] = mask
        return masks

    return find


def _detected_masks(spec: str, matter: Matter, runtime: str) -> FindMasks:
    from ..detection.detector import create_detector
    from ..detection.paste import paste_masks
    from ..networks import compact_networks

    choice = create_detector(spec, matter.device, compact=compact_networks(runtime, spec))
    logger.info("%s", choice.reason)

    def find(image: str, pixels: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.uint8]]:
        people = choice.detector.detect([pixels], [0])[0]
        people = people.select(people.scores >= choice.detector.confident_score)
        pasted = paste_masks(people, *pixels.shape[:2])
        return {
            f"{number:02d}.png": np.asarray(mask * 255 + 0.5, np.uint8)
            for number, mask in enumerate(pasted)
        }

    return find


def _write_folder(folder: Path, alphas: dict[str, npt.NDArray[np.uint8]]) -> None:
    """Write one image's alphas; the folder gets its name when all are there."""
    temporary = folder.with_name(f".{folder.name}.partial")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        for name, alpha in alphas.items():
            _, data = cv2.imencode(".png", alpha)
            (temporary / name).write_bytes(data.tobytes())
        temporary.rename(folder)
    except OSError as error:
        raise AlphaWriteError(f"{folder} cannot be written: {error.strerror}") from error


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser of `predict-images` its options."""
    parser.add_argument(
        "images", type=Path, metavar="IMAGES", help="folder of pictures or of subsets"
    )
    parser.add_argument("--masks", type=Path, help="folder of <image>/<nn>.png; else detected")
    parser.add_argument("--out", type=Path, required=True, metavar="PRED")
    parser.add_argument("--detector", default="auto", help="auto, compact or maskrcnn")
    add_matting_options(parser.add_argument_group("matting"))
    parser.add_argument(
        "--release", action="store_true", help="exactly what the authors' release does"
    )
    parser.add_argument("--quiet", dest="is_quiet", action="store_true")
    parser.add_argument("--verbose", dest="is_verbose", action="store_true")


def run(args: argparse.Namespace) -> int:
    """Predict what was asked for; return the exit status."""
    from ..console import make_console, set_up_logging
    from ..counting_bar import counting_bar
    from ..settings import flags_of, resolve_config

    console = make_console()
    set_up_logging(console, args.is_verbose, args.is_quiet)
    config = resolve_config(flags_of(args)).matting
    with counting_bar(console, "images", args.is_quiet) as count:
        made = predict_images(
            args.images, args.out, args.masks, config, args.detector, args.release, count
        )
    if not args.is_quiet:
        print(f"{made} images matted now: {args.out}", file=sys.stderr)
    return 0
