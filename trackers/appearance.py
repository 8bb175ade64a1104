"""How people look, as unit vectors: colour by body part. Knows pixels; knows no tracks."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from .boxes import FloatArray, as_boxes
from .masks import MaskArray

NUM_PARTS = 3
# Grid on which a person is looked at: a few hundred samples settle a histogram.
PATCH_HEIGHT, PATCH_WIDTH = 36, 18
LIGHTNESS_BINS, COLOR_BINS = 6, 6
# Chroma of clothes lies within this much of neutral in Lab (8-bit scale); more falls into the
# outermost bin.
COLOR_RANGE = 48.0
NUM_BINS = LIGHTNESS_BINS + COLOR_BINS * COLOR_BINS
VECTOR_LENGTH = NUM_PARTS * NUM_BINS


def describe_people(
    image: npt.NDArray[np.uint8], boxes: npt.ArrayLike, masks: MaskArray | None = None
) -> FloatArray:
    """Return one vector of unit length per person; a dot product near 1 says that two look alike.

    Head, body and legs (thirds of the box) have a histogram each of lightness and of colour,
    weighted by the mask.
    Roots of the counts are taken, so that the dot product is the Bhattacharyya coefficient. Bins
    share their samples with their neighbours, so that a small change of light changes the vector a
    little only.

    Args:
        image: RGB `(H, W, 3)`.
        boxes: `(N, 4)` xyxy in pixels; may reach past the frame.
        masks: `(N, m, m)`, 0..1, laid over the boxes; without them an ellipse in the box stands in.

    Returns:
        `(N, 126)`; a row of zeros for a person outside the frame or without mask.

    Source:
        Comaniciu, Ramesh and Meer 2003, section 3, for the similarity of colour histograms.
    """
    boxes = as_boxes(boxes)
    vectors = np.zeros((len(boxes), VECTOR_LENGTH))
    ellipse = _ellipse()
    for index, box in enumerate(boxes):
        patch, share_inside = _cut_patch(image, box)
        if patch is None:
            continue
        mask = np.ascontiguousarray(ellipse if masks is None else masks[index], np.float32)
        weight = cv2.resize(mask, (PATCH_WIDTH, PATCH_HEIGHT), interpolation=cv2.INTER_LINEAR)
        vectors[index] = _histograms(patch, weight * share_inside)
    return vectors


def _ellipse() -> MaskArray:
    y = (np.arange(PATCH_HEIGHT) + 0.5) / PATCH_HEIGHT * 2.0 - 1.0
    x = (np.arange(PATCH_WIDTH) + 0.5) / PATCH_WIDTH * 2.0 - 1.0
    return (y[:, None] ** 2 + (x / 0.6) ** 2 <= 1.0).astype(np.float32)


def _cut_patch(
    image: npt.NDArray[np.uint8], box: FloatArray
) -> tuple[npt.NDArray[np.float32] | None, MaskArray]:
    """Return the box in Lab on the patch grid, `(36, 18, 3)`, and what of it lies in the frame."""
    height, width = image.shape[:2]
    x0, y0, x1, y1 = box
    columns = x0 + (np.arange(PATCH_WIDTH) + 0.5) / PATCH_WIDTH * (x1 - x0)
    rows = y0 + (np.arange(PATCH_HEIGHT) + 0.5) / PATCH_HEIGHT * (y1 - y0)
    is_inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
    if not is_inside.any():
        return None, is_inside.astype(np.float32)
    left, top = max(0, int(x0)), max(0, int(y0))
    crop = image[top : max(top + 1, int(np.ceil(y1))), left : max(left + 1, int(np.ceil(x1)))]
    # Shrinking the crop averages pixels; sampling the rest of the way keeps the box's own grid.
    step = max(1, min(crop.shape[0] // PATCH_HEIGHT, crop.shape[1] // PATCH_WIDTH))
    if step > 1:
        size = (crop.shape[1] // step, crop.shape[0] // step)
        crop = cv2.resize(crop, size, interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(np.ascontiguousarray(crop), cv2.COLOR_RGB2LAB)
    row_index = np.clip((rows - top) / step, 0, lab.shape[0] - 1).astype(np.intp)
    column_index = np.clip((columns - left) / step, 0, lab.shape[1] - 1).astype(np.intp)
    return lab[row_index[:, None], column_index].astype(np.float32), is_inside.astype(np.float32)


def _histograms(lab: npt.NDArray[np.float32], weight: MaskArray) -> FloatArray:
    """Return the roots of the parts' histograms at unit length, `(126,)`."""
    part = np.repeat(np.arange(NUM_PARTS), PATCH_HEIGHT // NUM_PARTS)[:, None]
    part = np.broadcast_to(part, weight.shape).reshape(-1)
    pixel_weight = weight.reshape(-1).astype(np.float64)
    lightness, a, b = (lab[..., channel].reshape(-1).astype(np.float64) for channel in range(3))
    light = _soft_bins(lightness / 255.0, LIGHTNESS_BINS)
    red = _soft_bins((a - 128.0) / (2.0 * COLOR_RANGE) + 0.5, COLOR_BINS)
    yellow = _soft_bins((b - 128.0) / (2.0 * COLOR_RANGE) + 0.5, COLOR_BINS)
    start = part * NUM_BINS
    indices = [start + bin_index for bin_index, _ in light]
    shares = [share for _, share in light]
    for red_index, red_share in red:
        for yellow_index, yellow_share in yellow:
            indices.append(start + LIGHTNESS_BINS + red_index * COLOR_BINS + yellow_index)
            shares.append(red_share * yellow_share)
    counts = np.bincount(
        np.concatenate(indices),
        np.tile(pixel_weight, len(shares)) * np.concatenate(shares),
        VECTOR_LENGTH,
    )
    root = np.sqrt(counts)
    length = float(np.linalg.norm(root))
    return root / length if length > 0.0 else root


def _soft_bins(
    value: FloatArray, num_bins: int
) -> tuple[tuple[npt.NDArray[np.intp], FloatArray], tuple[npt.NDArray[np.intp], FloatArray]]:
    """Return the two bins nearest to each value of 0..1, each with its share of the sample."""
    position = np.clip(value * num_bins - 0.5, 0.0, num_bins - 1.0)
    low = np.minimum(position.astype(np.intp), num_bins - 2)
    share = position - low
    return (low, 1.0 - share), (low + 1, share)
