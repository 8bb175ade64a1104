"""More people for the detector: patches pasted into photos so that the paste itself is no clue.

Knows pixels and masks; knows no networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from ..pictures.degradation import compress, motion_kernel
from ..pictures.marked_photos import Person, PersonPatch, Photo, UInt8Array, person_from_mask
from ..pictures.straight_rgba import resize_straight

MOVING_CHANCE = 0.15
"""Share of the people who move while the picture is taken."""
MIN_VISIBLE_SHARE = 0.25
"""A person of whom less stays visible is no longer one to find, nor one to count as background."""


def paste_patches(photo: Photo, patches: Sequence[PersonPatch], rng: np.random.Generator) -> Photo:
    """Return the photo with the patches in front of it, and everybody's visible masks."""
    image = photo.image.copy()
    shape = (image.shape[0], image.shape[1])
    masks = [person.full_mask(shape) for person in photo.people]
    boxes = [person.box for person in photo.people]
    areas = [int(mask.sum()) for mask in masks]
    for patch in patches:
        alpha = _paste(image, patch, boxes, rng)
        covered = alpha > 0.5
        for mask in masks:
            mask[covered] = 0
        pasted = person_from_mask(covered)
        if pasted is not None and pasted.height_px >= 16:
            masks.append(covered.astype(np.uint8))
            boxes.append(pasted.box)
            areas.append(int(covered.sum()))
    people: list[Person] = []
    hidden = list(photo.crowd_boxes)
    for index, (mask, box, area) in enumerate(zip(masks, boxes, areas, strict=True)):
        visible = int(mask.sum())
        is_untouched = index < len(photo.people) and visible == area
        person = photo.people[index] if is_untouched else person_from_mask(mask.astype(bool))
        if person is not None and index >= len(photo.people):
            person = replace(person, has_exact_outline=True)
        if person is not None and visible >= MIN_VISIBLE_SHARE * area:
            people.append(person)
        elif visible:
            hidden.append(box)
    return Photo(
        photo.name,
        image,
        tuple(people),
        np.array(hidden, np.float32).reshape(-1, 4),
        photo.is_complete,
    )


def mirror_boxes(boxes: npt.NDArray[np.float32], width: int) -> npt.NDArray[np.float32]:
    """Return boxes `(..., 4)` xyxy of a picture so wide, as they lie in the mirrored one."""
    return np.stack(
        [width - boxes[..., 2], boxes[..., 1], width - boxes[..., 0], boxes[..., 3]], axis=-1
    )


def mirror(photo: Photo) -> Photo:
    """Return the photo and its people with left and right swapped."""
    width = photo.image.shape[1]

    def mirrored(person: Person) -> Person:
        mask, (left, top) = person.mask, person.offset
        offset = (width - left - mask.shape[1], top)
        box = mirror_boxes(person.box, width)
        return Person.masked(box, mask[:, ::-1], offset, person.has_exact_outline)

    return Photo(
        photo.name,
        np.ascontiguousarray(photo.image[:, ::-1]),
        tuple(mirrored(person) for person in photo.people),
        mirror_boxes(photo.crowd_boxes, width),
        photo.is_complete,
    )


def vary_colour(image: UInt8Array, rng: np.random.Generator) -> UInt8Array:
    """Return the picture with another exposure, contrast, white balance and saturation."""
    gain = rng.uniform(0.7, 1.3) * rng.uniform(0.92, 1.08, 3)
    offset = rng.uniform(-20, 20)
    gamma = rng.uniform(0.8, 1.25)
    levels = np.arange(256, dtype=np.float32) / 255
    table = np.clip((levels[:, None] ** gamma) * 255 * gain + offset, 0, 255).astype(np.uint8)
    varied = cv2.LUT(image, np.ascontiguousarray(table[None]))
    saturation = rng.uniform(0.5, 1.3) if rng.random() > 0.05 else 0.0
    grey = cv2.cvtColor(cv2.cvtColor(varied, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.addWeighted(varied, saturation, grey, 1 - saturation, 0), np.uint8)


def degrade(image: UInt8Array, rng: np.random.Generator) -> UInt8Array:
    """Return the picture as a worse camera or codec would show it."""
    if rng.random() < 0.3:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.6)), np.uint8)
    if rng.random() < 0.2:
        height, width = image.shape[:2]
        scale = rng.uniform(0.4, 0.8)
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        image = np.asarray(cv2.resize(small, (width, height)), np.uint8)
    if rng.random() < 0.3:
        noise = rng.normal(0, rng.uniform(2, 12), image.shape[:2]).astype(np.float32)
        image = np.clip(image + noise[..., None], 0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        image = compress(image, int(rng.integers(25, 90)))
    return image


def _paste(
    image: UInt8Array,
    patch: PersonPatch,
    boxes: Sequence[npt.NDArray[np.float32]],
    rng: np.random.Generator,
) -> npt.NDArray[np.float32]:
    """Blend `patch` into `image` in place; return its alpha over the whole picture, `(H, W)`."""
    height, width = image.shape[:2]
    rgba = patch.rgba[:, ::-1] if rng.random() < 0.5 else patch.rgba
    beside = boxes[int(rng.integers(len(boxes)))] if boxes and rng.random() < 0.6 else None
    if beside is None:
        patch_height = rng.uniform(0.25, 1.0) * height
        center_x = rng.uniform(0, width)
        bottom = rng.uniform(0.5, 1.1) * height
    else:
        patch_height = (beside[3] - beside[1]) * rng.uniform(0.6, 1.6)
        patch_height = min(max(patch_height, 24.0), 1.2 * height)
        center_x = (beside[0] + beside[2]) / 2 + rng.uniform(-1.1, 1.1) * (beside[2] - beside[0])
        bottom = beside[3] + rng.normal(0, 0.1) * patch_height
    if patch.touches_bottom:  # their picture ended there; only the frame's edge may do the same
        bottom = height + rng.uniform(0, 0.3) * patch_height
    scale = patch_height / rgba.shape[0]
    size = (max(4, round(rgba.shape[1] * scale)), max(8, round(patch_height)))
    placed = resize_straight(np.ascontiguousarray(rgba), size)
    left, top = round(center_x - size[0] / 2), round(bottom) - size[1]
    if rng.random() < MOVING_CHANCE:
        placed, reach = _moving(placed, rng)
        left, top, size = left - reach, top - reach, (size[0] + 2 * reach, size[1] + 2 * reach)
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + size[0], width), min(top + size[1], height)
    full_alpha = np.zeros((height, width), np.float32)
    if x1 <= x0 or y1 <= y0:
        return full_alpha
    part = placed[y0 - top : y1 - top, x0 - left : x1 - left].astype(np.float32)
    alpha = part[..., 3:] / np.float32(255)
    under = image[y0:y1, x0:x1].astype(np.float32)
    colour = _matched_colour(part[..., :3], alpha, under, rng)
    blended = alpha * colour + (1 - alpha) * under
    image[y0:y1, x0:x1] = np.clip(blended, 0, 255).astype(np.uint8)
    full_alpha[y0:y1, x0:x1] = alpha[..., 0]
    return full_alpha


def _moving(rgba: UInt8Array, rng: np.random.Generator) -> tuple[UInt8Array, int]:
    """Return a person as a moving one is seen, blurred by up to a twentieth of their height.

    Returns:
        RGBA, straight colour, and by how many pixels it is larger on every side.
    """
    longest = max(3, round(0.05 * rgba.shape[0]))
    kernel = motion_kernel(int(rng.integers(3, longest + 1)), rng.uniform(0, 180))
    reach = len(kernel) // 2 + 1
    grown = np.pad(rgba, ((reach, reach), (reach, reach), (0, 0)))
    alpha = grown[..., 3:].astype(np.float32) / 255
    blurred_alpha = cv2.filter2D(alpha, -1, kernel)[..., None]
    premultiplied = cv2.filter2D(alpha * grown[..., :3], -1, kernel)
    colour = premultiplied / np.maximum(blurred_alpha, 1 / 255)
    blurred = np.dstack([colour.clip(0, 255), 255 * blurred_alpha.clip(0, 1)])
    return np.round(blurred).astype(np.uint8), reach


def _matched_colour(
    colour: npt.NDArray[np.float32],
    alpha: npt.NDArray[np.float32],
    under: npt.NDArray[np.float32],
    rng: np.random.Generator,
) -> npt.NDArray[np.float32]:
    """Move the patch's light part of the way to that of the place where it stands."""
    weight = float(alpha.sum())
    if weight < 1:
        return colour
    mean = (colour * alpha).sum(axis=(0, 1)) / weight
    towards = under.mean(axis=(0, 1)) * rng.uniform(0.7, 1.4)
    strength = rng.uniform(0, 0.6)
    moved = colour * (1 + strength * (np.clip(towards / (mean + 1), 0.4, 2.0) - 1))
    if rng.random() < 0.5:
        moved = cv2.GaussianBlur(moved, (0, 0), rng.uniform(0.3, 1.0))
    return np.asarray(moved, np.float32)
