"""Instance masks that another tool has made, read from a folder; knows files, no networks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter, ValidationError

from ..checksums import digest
from ..correction import Name
from ..errors import MaskReadError, first_complaint
from ..printable import printable
from ..rectangle import Rectangle
from .detections import Detections
from .detector import ImageArray
from .mask_file import VOID_LABEL, read_labels, read_mask, read_mask_shape
from .mask_layout import find_masks
from .paste import resize_mask

BoolArray = npt.NDArray[np.bool_]
MASK_SIZE = 256
"""Cells along a mask's side: fine enough for a box of 512 px at two pixels a cell."""

MAX_LABELS = 64
"""A file of more is no map of people, but the soft mask of one."""


class MasksFromDisk:
    """Masks from a folder instead of a network; a `Detector` that looks only at frames with files.

    Three layouts are understood. `<frame>.png` with one label per person (palette, grey of 8 or 16
    bits, or colours; 0 is the background, 255 is void beside others: DAVIS, YouTube-VOS), or black
    and white for one person; `<person>/<frame>.png`; `<frame>/<person>.png`, both with one black
    and white mask per file. Labels and folders of people tell who is who throughout the clip, and
    folders what they are called; files in a folder of each frame do not. The last number in a
    frame's name says which frame it is, counted from 0 where there is a file of number 0, else from
    `first_frame_number`.

    Args:
        folder: Where the files lie.
        frame_shape: Height and width that every mask must have; `None` accepts the first image's.
        first_frame_number: Number of the clip's first frame: 1 for a video, a sequence's own.

    Raises:
        MaskReadError: The folder is missing, holds no masks in a layout that is understood, or a
            person's folder is called what nobody can be.
    """

    name = "masks"
    confident_score = 0.5
    has_exact_masks = True

    def __init__(
        self,
        folder: Path,
        frame_shape: tuple[int, int] | None = None,
        first_frame_number: int = 1,
    ) -> None:
        if not folder.is_dir():
            raise MaskReadError(f"{folder}: no such folder of masks")
        self.folder = folder
        self._frame_shape = frame_shape
        self._has_white_person: bool | None = None
        found = find_masks(folder)
        self._is_labelled = found.is_labelled
        self._identities = {name: number for number, name in enumerate(found.people, 1)}
        """Of people's folders, by name."""
        self.person_names = {n: _person_name(folder / name) for name, n in self._identities.items()}
        """What people are called, by identity; empty where no folders tell."""
        first = 0 if 0 in found.by_number else first_frame_number
        self._first = first
        """The number that masks give the clip's first frame."""
        self._files = {number - first: paths for number, paths in found.by_number.items()}

    @cached_property
    def checksum(self) -> str:
        """What tells these masks from others: SHA-256 of all files' names and contents.

        The folder's own place and the files' times say nothing: copies are the same masks.

        Raises:
            MaskReadError: A file is gone or cannot be read.
        """
        total = hashlib.sha256()
        for path in sorted(path for paths in self._files.values() for path in paths):
            try:
                line = f"{path.relative_to(self.folder).as_posix()} {digest(path)}\n"
            except OSError as error:
                raise MaskReadError(f"{path}: cannot be read ({error.strerror})") from error
            total.update(line.encode())
        return total.hexdigest()

    @cached_property
    def person_numbers(self) -> dict[int, int]:
        """The number of everybody who is shown in any frame, by identity; all files are read.

        Raises:
            MaskReadError: A mask cannot be read.
        """
        if not self._is_labelled and not self._identities:
            return {}
        paths = [path for _, paths in sorted(self._files.items()) for path in paths]
        shown = {
            identity
            for path in paths
            for mask, identity in self._people_in(path, self._pixels_of(path))
            if mask.any()
        }
        return {identity: number for number, identity in enumerate(sorted(shown), 1)}

    def looks_at(self, frame_index: int) -> bool:
        """Return whether there are masks for this frame."""
        return frame_index in self._files

    def check_files(self) -> None:
        """Refuse masks that could not be read or would not fit, before any work; few are decoded.

        Raises:
            MaskReadError: A file is no whole picture, not of its frame's size, or a soft mask where
                labels are meant.
        """
        for paths in self._files.values():
            for path in paths:
                shape = read_mask_shape(path)
                _check_shape(path, shape, self._frame_shape or shape)
        if self._is_labelled:
            self._is_black_and_white()

    def check_length(self, frame_count: int) -> None:
        """Refuse masks that belong to a longer clip.

        Raises:
            MaskReadError: A mask's frame is not in a clip of `frame_count` frames.
        """
        beyond = [index for index in self._files if not 0 <= index < frame_count]
        if beyond:
            raise MaskReadError(
                f"{self._files[min(beyond)][0]}: the clip's frames are {self._first} to "
                f"{self._first + frame_count - 1}, none for this mask"
            )

    def detect(
        self, images: Sequence[ImageArray], frame_indices: Sequence[int] | None = None
    ) -> list[Detections]:
        """Return each frame's masks; frames without files have nobody.

        Raises:
            ValueError: `frame_indices` are not given.
            MaskReadError: A mask cannot be read or is not of its frame's size.
        """
        if frame_indices is None:
            raise ValueError("frame_indices must tell whose masks are meant")
        return [
            self._read(index, self._frame_shape or (image.shape[0], image.shape[1]))
            for image, index in zip(images, frame_indices, strict=True)
        ]

    def _read(self, index: int, shape: tuple[int, int]) -> Detections:
        masks: list[BoolArray] = []
        identities: list[int] = []
        for path in self._files.get(index, []):
            pixels = self._pixels_of(path)
            _check_shape(path, pixels.shape, shape)
            for mask, identity in self._people_in(path, pixels):
                masks.append(mask)
                identities.append(identity)
        is_known = self._is_labelled or bool(self._identities)
        return detections_from_masks(masks, identities if is_known else None)

    def _pixels_of(self, path: Path) -> npt.NDArray[np.integer[Any]]:
        return read_labels(path) if self._is_labelled else read_mask(path)

    def _people_in(
        self, path: Path, pixels: npt.NDArray[np.integer[Any]]
    ) -> Iterator[tuple[BoolArray, int]]:
        """Yield everybody's mask in a file, `(H, W)`, and who they are; 0 where nothing tells."""
        if not self._is_labelled:
            yield pixels > 127, self._identities.get(path.parent.name, 0)
            return
        nobody = (0,) if self._is_black_and_white() else (0, VOID_LABEL)
        for label in np.unique(pixels).tolist():
            if label not in nobody:
                yield pixels == label, label

    def _is_black_and_white(self) -> bool:
        """Say whether 255 is a person: so it is where the first file with anybody has nothing else.

        Decided once: where everybody has left, void alone remains.
        """
        if self._has_white_person is None:
            for _, paths in sorted(self._files.items()):
                labels = [label for label in np.unique(read_labels(paths[0])).tolist() if label]
                if len(labels) > MAX_LABELS:
                    raise MaskReadError(
                        f"{paths[0]}: holds {len(labels)} labels; masks with soft edges belong in "
                        "a folder of their person, <person>/<frame>.png"
                    )
                if labels:
                    self._has_white_person = labels == [VOID_LABEL]
                    break
        return bool(self._has_white_person)


def detections_from_masks(
    masks: Sequence[BoolArray], identities: Sequence[int] | None = None
) -> Detections:
    """Return full-frame masks `(H, W)` as box-local ones, score 1; empty masks are left out.

    Args:
        masks: One a person.
        identities: Who they are, where that is known.
    """
    boxes, local, is_there = [], [], np.zeros(len(masks), np.bool_)
    for number, mask in enumerate(masks):
        part = Rectangle.around(mask)
        if part is None:
            continue
        is_there[number] = True
        inside = mask[part.slices].astype(np.float32)
        boxes.append([part.left, part.top, part.right, part.bottom])
        local.append(resize_mask(inside, MASK_SIZE, MASK_SIZE))
    found = Detections.empty(MASK_SIZE)
    if boxes:
        scores = np.ones(len(boxes), np.float32)
        found = Detections(np.array(boxes, np.float32), scores, np.stack(local))
    if identities is None:
        return found
    return replace(found, identities=np.array(identities, np.int64)[is_there])


def _person_name(folder: Path) -> str:
    """Return the name of the person whose masks a folder holds: one that a correction may give."""
    try:
        return TypeAdapter(Name).validate_python(folder.name)
    except ValidationError as error:
        raise MaskReadError(
            f"{printable(folder.parent)}: nobody can be called {folder.name!r}, as a folder there "
            f"is: rename it ({first_complaint(error)})"
        ) from error


def _check_shape(path: Path, shape: tuple[int, ...], expected: tuple[int, int]) -> None:
    if shape != expected:
        raise MaskReadError(
            f"{path}: is {shape[1]}×{shape[0]}, but its frame is {expected[1]}×{expected[0]}"
        )
