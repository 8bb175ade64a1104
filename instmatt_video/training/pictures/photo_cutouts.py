"""People cut out of photos along their hard masks, to be composed elsewhere.

Their edge is the matting network's; a composite's truth is exact whatever edge is pasted.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from ...errors import OptionError, disk_errors
from ...matting.foreground import estimate_foreground
from ...matting.matter import Matter
from ...whole_file import whole_file
from ..config_file import read_config
from .cutout_names import name_cutout
from .data import MattingData
from .marked_photos import Person, Photo
from .photo_windows import edge_band
from .photos import read_marked_photos

logger = logging.getLogger(__name__)

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]
PhotoReport = Callable[[int, int, int], None]
"""Told of photos done, of photos in all, and of people cut out of them."""

MIN_HEIGHT_PX = 190
"""Smaller people are marked too coarsely, and would have to be enlarged."""
UPRIGHT = 1.6
"""Height over width from which somebody who does not go on below the photo is likely whole: others
sit behind tables, and composing would teach such cuts as outlines."""
MAX_DISAGREEMENT = 0.01
"""Of a person's area, away from the edge: where matte and mask differ more one of them is wrong."""
EDGE_PX = 2
"""Who comes so near the photo's edge goes on beyond it."""
WEBP_QUALITY = 95
"""Of the colours; WebP keeps alpha as it is."""


def write_cutouts(
    data_path: Path, matter: Matter, out: Path, progress: PhotoReport | None = None
) -> int:
    """Cut people out of all photos of a data file and return how many there are.

    They are files of `rgba`, named as `cutout_names` says, with straight colour: a pack of cut-outs
    as trainings read it. Others may lie beside them; one of the same name is replaced.

    Args:
        data_path: `MattingData` as TOML: its `photos` and `instances`.
        matter: Finds their edges.
        out: Folder; made where it is missing.
        progress: Told of photos as they pass.

    Raises:
        OptionError: The data names no photos, or a pack of them or a mask cannot be read.
        AlphaWriteError: A cut-out cannot be written.
    """
    data = read_config(data_path, MattingData)
    if not (data.photos or data.instances):
        raise OptionError(f"{data_path}: name photos or instances to cut people out of")
    photos = read_marked_photos(data, data_path)
    folder = out / "rgba"
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    num_people = 0
    for done, (stem, photo) in enumerate(photos.items(), 1):
        for index, rgba in _cut_out_if_readable(photo, matter):
            _write(folder / name_cutout(stem, index), rgba)
            num_people += 1
        if progress is not None:
            progress(done, len(photos), num_people)
    return num_people


def _cut_out_if_readable(photo: Photo, matter: Matter) -> Iterator[tuple[int, UInt8Array]]:
    """Yield a photo's people; of a torn file none, with a warning: it must not end the others'."""
    try:
        photo.read()
    except OptionError as error:
        logger.warning("%s: nobody is cut out of it", error)
        return
    yield from cut_out_people(photo, matter)


def cut_out_people(photo: Photo, matter: Matter) -> Iterator[tuple[int, UInt8Array]]:
    """Yield index and straight RGBA of everybody who can stand elsewhere.

    Pictures are `(H, W, 4)` of the photo's size, so that whom it cuts off ends with it, as
    `cutouts.cut_out` expects. Left out is who is small, cut off above, touches somebody, or sits
    (`UPRIGHT`).
    """
    image = photo.image
    shape = image.shape[:2]
    masks = [person.full_mask(shape).astype(bool) for person in photo.people]
    bands = [edge_band(mask, who) for mask, who in zip(masks, photo.people, strict=True)]
    free = [
        index
        for index, person in enumerate(photo.people)
        if _is_whole(person, shape) and _is_alone(index, masks, bands, photo)
    ]
    if not free:
        return
    alphas = matter.matte_masks(image, np.stack(masks))
    for index in free:
        alpha = _inside_mask(alphas[index], masks[index], bands[index])
        if alpha is not None:
            color = estimate_foreground(image, alpha)
            rgba = np.dstack([color, np.round(alpha * 255)])
            yield index, rgba.astype(np.uint8)


def _is_whole(person: Person, shape: tuple[int, ...]) -> bool:
    left, top, right, bottom = person.box
    goes_on_below = bottom >= shape[0] - EDGE_PX
    return bool(
        person.height_px >= MIN_HEIGHT_PX
        and top > EDGE_PX
        and (goes_on_below or bottom - top >= UPRIGHT * (right - left))
    )


def _is_alone(
    index: int,
    masks: Sequence[npt.NDArray[np.bool_]],
    bands: Sequence[npt.NDArray[np.bool_]],
    photo: Photo,
) -> bool:
    """Say whether nobody else is marked where the person may be."""
    reach = masks[index] | bands[index]
    if any(reach[part].any() for part in photo.crowd_parts):
        return False
    others = (i for i in range(len(masks)) if i != index)
    return not any((reach & (masks[i] | bands[i])).any() for i in others)


def _inside_mask(
    alpha: FloatArray, mask: npt.NDArray[np.bool_], band: npt.NDArray[np.bool_]
) -> FloatArray | None:
    """Return the matte in the band and the mask elsewhere; `None` where they contradict."""
    wrong = np.abs(alpha - mask)[~band].sum()
    kept = np.where(band, alpha, mask).astype(np.float32)
    if wrong > MAX_DISAGREEMENT * mask.sum() or not kept.any():
        return None
    _, labels, stats, _ = cv2.connectedComponentsWithStats((kept > 0).astype(np.uint8))
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    return np.asarray(np.where(labels == largest, kept, 0), np.float32)


def _write(path: Path, rgba: UInt8Array) -> None:
    bgra = cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA)
    _, data = cv2.imencode(".webp", bgra, [cv2.IMWRITE_WEBP_QUALITY, WEBP_QUALITY])
    with disk_errors(path), whole_file(path) as temporary:
        temporary.write_bytes(data.tobytes())
