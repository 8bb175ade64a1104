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
from ..errors import AlphaWriteError, MaskReadError, VideoOpenError
from ..matting.matter import Matter
from ..matting.options import add_matting_options
from ..media.color_noise import noise_of_picture
from ..media.frame import as_eight_bit
from ..media.image_sequence import natural_key, read_image

logger = logging.getLogger(__name__)

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")
Mattes = Callable[[npt.NDArray[np.uint8], npt.NDArray[np.uint8]], npt.NDArray[np.uint8]]
"""Image `(h, w, 3)` and masks `(n, h, w)` to alphas `(n, h, w)`, all 0..255."""


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
        images: Folder of pictures.
        out: Folder for the alphas, 8-bit grey.
        masks: Folder of `<image>/<nn>.png`, whose names the alphas take; `None` detects people.
        config: Network, device, resolution.
        detector: Which detector, where there are no masks.
        is_release: Do exactly what the authors' release does: its resizing, windows and truncation.
        report: Told of images done and in all.

    Raises:
        VideoOpenError: There are no pictures, or one cannot be read.
        MaskReadError: An image has no masks, or one cannot be read.
        AlphaWriteError: An alpha cannot be written.
    """
    paths = _list_images(images)
    config = config or MattingConfig()
    matter = Matter.from_config(config)
    mattes = _release_mattes(matter) if is_release else _own_mattes(matter)
    find_masks = (
        _masks_from(masks)
        if masks is not None
        else _detected_masks(detector, matter, config.runtime)
    )
    made = 0
    for done, path in enumerate(paths, 1):
        folder = out / path.stem
        if not folder.is_dir():
            picture = read_image(path)
            if picture is None:
                raise VideoOpenError(f"{path} cannot be read as a picture")
            pixels = as_eight_bit(picture)
            named = find_masks(path, pixels)
            if named:
                matter.color_noise = config.color_noise or noise_of_picture(path.suffix)
                alphas = mattes(pixels, np.stack(list(named.values())))
            else:
                alphas = np.zeros((0, *pixels.shape[:2]), np.uint8)
            _write_folder(folder, dict(zip(named, alphas, strict=True)))
            made += 1
        report(done, len(paths))
    return made


def _list_images(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise VideoOpenError(f"no folder of pictures at {folder}")
    paths = [p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES]
    if not paths:
        raise VideoOpenError(f"no pictures in {folder}")
    stems: dict[str, Path] = {}
    for path in sorted(paths, key=natural_key):
        if path.stem in stems:
            raise VideoOpenError(f"{stems[path.stem].name} and {path.name} share one output name")
        stems[path.stem] = path
    return list(stems.values())


def _own_mattes(matter: Matter) -> Mattes:
    def mattes(image: npt.NDArray[np.uint8], masks: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        return np.asarray(matter.matte_masks(image, masks) * 255 + 0.5, np.uint8)

    return mattes


def _release_mattes(matter: Matter) -> Mattes:
    from ..matting.release import matte_image_release

    def mattes(image: npt.NDArray[np.uint8], masks: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        return matte_image_release(matter.network, image, masks)

    return mattes


def _masks_from(
    root: Path,
) -> Callable[[Path, npt.NDArray[np.uint8]], dict[str, npt.NDArray[np.uint8]]]:
    def find(path: Path, image: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.uint8]]:
        folder = root / path.stem
        names = sorted(folder.glob("*.png"), key=natural_key)
        if not names:
            raise MaskReadError(f"{path.name} has no masks at {folder}")
        masks = {}
        for name in names:
            mask = cv2.imread(str(name), cv2.IMREAD_GRAYSCALE)
            if mask is None:
                raise MaskReadError(f"{name} cannot be read as a mask")
            if mask.shape != image.shape[:2]:
                size = (image.shape[1], image.shape[0])
                mask = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)
            masks[name.name] = np.asarray(mask, np.uint8)
        return masks

    return find


def _detected_masks(
    spec: str, matter: Matter, runtime: str
) -> Callable[[Path, npt.NDArray[np.uint8]], dict[str, npt.NDArray[np.uint8]]]:
    from ..detection.detector import create_detector
    from ..detection.paste import paste_masks
    from ..networks import compact_networks

    choice = create_detector(spec, matter.device, compact=compact_networks(runtime, spec))
    logger.info("%s", choice.reason)

    def find(path: Path, image: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.uint8]]:
        people = choice.detector.detect([image], [0])[0]
        people = people.select(people.scores >= choice.detector.confident_score)
        pasted = paste_masks(people, *image.shape[:2])
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
    parser.add_argument("images", type=Path, metavar="IMAGES", help="folder of pictures")
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
