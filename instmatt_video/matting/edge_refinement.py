"""Edges at the source's resolution from a matte that was made at a smaller one.

Knows one matte and its picture at two sizes; knows no people.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

FloatImage = npt.NDArray[np.float32]

RADIUS_PX = 5
"""Half side of the window in which alpha is taken to be linear in colour, in matte pixels."""
EPSILON = 1e-4
"""Variance of colour, of 0..1, below which an edge is not looked for."""
BAND_PX = 5
"""How far past the uncertain pixels the edge may move, in matte pixels."""


def linear_model(matte: FloatImage, guide: FloatImage) -> FloatImage:
    """Return coefficients of alpha as a linear function of colour around each pixel, and its fit.

    Args:
        matte: `(h, w)`, 0..1.
        guide: The picture at the matte's size, `(h, w, 3)`, 0..1.

    Returns:
        `(h, w, 5)`: three slopes and an offset, alpha is slopes · colour + offset; and how much of
        alpha's variance that explains, 0..1: where colours are alike they say nothing of an edge.

    Source:
        He, Sun and Tang 2013, guided image filtering, equations 14-16 (colour guide).
    """
    colours = cv2.split(guide)  # planes: NumPy is slow at three values beside one another
    means, mean_matte = [_box(plane) for plane in colours], _box(matte)
    c0, c1, c2 = (
        _box(plane * matte) - mean * mean_matte for plane, mean in zip(colours, means, strict=True)
    )
    # The symmetric 3x3 covariance of colour, inverted in closed form.
    rr, rg, rb, gg, gb, bb = (
        _box(colours[i] * colours[j]) - means[i] * means[j]
        for i, j in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
    )
    rr, gg, bb = rr + EPSILON, gg + EPSILON, bb + EPSILON
    inverse = (
        gg * bb - gb * gb,
        gb * rb - rg * bb,
        rg * gb - gg * rb,
        rr * bb - rb * rb,
        rb * rg - rr * gb,
        rr * gg - rg * rg,
    )
    determinant = rr * inverse[0] + rg * inverse[1] + rb * inverse[2]
    s0 = (inverse[0] * c0 + inverse[1] * c1 + inverse[2] * c2) / determinant
    s1 = (inverse[1] * c0 + inverse[3] * c1 + inverse[4] * c2) / determinant
    s2 = (inverse[2] * c0 + inverse[4] * c1 + inverse[5] * c2) / determinant
    offset = mean_matte - (s0 * means[0] + s1 * means[1] + s2 * means[2])
    variance = np.maximum(_box(matte * matte) - mean_matte * mean_matte, 0)
    fit = np.clip((s0 * c0 + s1 * c1 + s2 * c2) / (variance + 1e-6), 0, 1)
    planes = [_box(plane) for plane in (s0, s1, s2, offset, fit)]
    return np.asarray(cv2.merge(planes), np.float32)


def refine_edges(
    matte: FloatImage,
    guide: FloatImage,
    image: FloatImage,
    to_matte: npt.NDArray[np.float64],
) -> FloatImage:
    """Return the matte at the picture's size, with the picture's own edges in the uncertain band.

    Args:
        matte: `(h, w)`, 0..1.
        guide: The picture at the matte's size, `(h, w, 3)`, 0..1.
        image: The picture at full size, `(H, W, 3)`, 0..1.
        to_matte: `(2, 3)` affine map from the picture's pixels to the matte's.

    Source:
        He and Sun 2015, fast guided filter: the coefficients are enlarged, not the result.
    """
    size = (image.shape[1], image.shape[0])
    enlarged = _warp(matte, to_matte, size)
    # An edge between whole pixels has no value in between, and is enlarged to a ramp all the same.
    neighbours = np.ones((3, 3), np.uint8)
    is_edge = cv2.dilate(matte, neighbours) > cv2.erode(matte, neighbours)
    uncertain = np.asarray(((matte > 0) & (matte < 1)) | is_edge, np.uint8)
    if not uncertain.any():
        return enlarged
    side = 2 * BAND_PX + 1
    band = cv2.dilate(uncertain, np.ones((side, side), np.uint8))
    weight = _warp(cv2.GaussianBlur(band.astype(np.float32), (0, 0), 0.8), to_matte, size)
    coefficients = linear_model(matte, guide)
    model = _warp(coefficients[..., :4], to_matte, size)
    weight *= _warp(np.ascontiguousarray(coefficients[..., 4]), to_matte, size)
    sharp = np.einsum("ijk,ijk->ij", model[..., :3], image) + model[..., 3]
    np.clip(sharp, 0, 1, out=sharp)
    return np.asarray(enlarged + weight * (sharp - enlarged), np.float32)


def _box(image: FloatImage) -> FloatImage:
    side = 2 * RADIUS_PX + 1
    blurred = cv2.blur(image, (side, side), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.float32)


def _warp(
    image: FloatImage, to_matte: npt.NDArray[np.float64], size: tuple[int, int]
) -> FloatImage:
    warped = cv2.warpAffine(
        image,
        to_matte,
        size,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(warped, np.float32)
