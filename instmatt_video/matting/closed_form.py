"""Closed-form matting in the narrow band that the network leaves uncertain.

The network knows who is who and where the edge is, within a pixel or two; how much of each pixel is
the person, colour tells better: around an edge every colour is a mix of two nearby ones, and alpha
the share. Knows one matte and its picture at one size; knows no people.

Source: Levin, Lischinski and Weiss 2008, A Closed-Form Solution to Natural Image Matting.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, diags_array

FloatImage = npt.NDArray[np.float32]

CERTAIN = 0.02
"""Alpha this close to 0 or 1 is believed, unless it borders on less certain pixels."""
BAND_PX = 1
"""How far past the uncertain pixels the edge may move."""
PRIOR = 10.0
"""Pull towards the matte as it was, for colours of variance 1 in their errors: it decides where
colour cannot, and keeps video steady."""
REACH_PX = 5.0
"""Further from what is surely the person, colour is believed less: it would dissolve an arm of
which the network saw little into a wall of like colour."""
SNAP = 0.02
"""Solved alpha this close to 0 or 1 is 0 or 1."""
TOLERANCE = 3e-4
MAX_ITERATIONS = 200

_WINDOW = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
_NEIGHBOURS = [(dy, dx) for dy in range(-2, 3) for dx in range(-2, 3)]
_PLACE = np.array(
    [[_NEIGHBOURS.index((jy - iy, jx - ix)) for jy, jx in _WINDOW] for iy, ix in _WINDOW]
)
"""Which of the 25 neighbours of a window's pixel i its pixel j is, `(9, 9)`."""


def solve_uncertain(matte: FloatImage, image: FloatImage, color_noise: float) -> FloatImage:
    """Return the matte, its uncertain band solved from the picture's colours.

    Pixels that are surely the person's or surely not are set to 1 and 0 and hold the solution.

    Args:
        matte: `(h, w)`, 0..1.
        image: The picture, `(h, w, 3)`, 0..1.
        color_noise: Standard deviation of the colours' errors, of 0..1: smaller differences say
            nothing of alpha. 0.001 for clean pictures; a video coder's blocks need 0.015.

    Returns:
        `(h, w)`, 0..1; the matte itself where nothing is uncertain, or nothing surely the person.
    """
    known = _known(matte)
    rows, columns = np.nonzero(np.isnan(known))
    if not len(rows) or not (known == 1).any():
        return matte
    margin = 3  # a window's and its neighbours' reach
    part = np.s_[
        max(0, int(rows.min()) - margin) : int(rows.max()) + margin + 1,
        max(0, int(columns.min()) - margin) : int(columns.max()) + margin + 1,
    ]
    solved = known.copy()
    solved[part] = _solve(known[part], matte[part], image[part], color_noise**2)
    return solved


def _known(matte: FloatImage) -> FloatImage:
    """Return 1 and 0 where the matte is certain, and not-a-number in the band, `(h, w)`."""
    side = 2 * BAND_PX + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    inside = np.asarray(matte > 1 - CERTAIN, np.uint8)
    maybe = np.asarray(matte > CERTAIN, np.uint8)
    known = np.full(matte.shape, np.nan, np.float32)
    known[cv2.erode(inside, kernel, borderValue=1) == 1] = 1
    known[cv2.dilate(maybe, kernel) == 0] = 0
    return known


def _solve(known: FloatImage, matte: FloatImage, image: FloatImage, variance: float) -> FloatImage:
    """Return the α of least αᵀLα + Σ p·(α - matte)², the known values kept; Levin eq. (13)."""
    height, width = known.shape
    is_unknown = np.isnan(known)
    pixels = np.flatnonzero(is_unknown)
    number = np.full(height * width, -1)
    number[pixels] = np.arange(len(pixels))
    coefficients = _laplacian_rows(image, is_unknown, number, len(pixels), variance)

    # Neighbours beyond the picture have no coefficient: any valid index will do for them.
    steps = np.array([dy * width + dx for dy, dx in _NEIGHBOURS])
    neighbours = np.clip(pixels[:, None] + steps, 0, height * width - 1)
    columns = number[neighbours]
    is_free = columns >= 0
    held = np.where(is_free, 0, coefficients * np.nan_to_num(known).ravel()[neighbours])
    starts = np.concatenate(([0], np.cumsum(is_free.sum(1))))
    laplacian = csr_array((coefficients[is_free], columns[is_free], starts), (len(pixels),) * 2)
    distance = cv2.distanceTransform((known != 1).astype(np.uint8), cv2.DIST_L2, 3)
    far = distance.ravel()[pixels].astype(np.float64) / REACH_PX
    prior = PRIOR * variance * (1 + far**4)
    system = laplacian + diags_array(prior)
    before = matte.ravel()[pixels].astype(np.float64)
    solution = _conjugate_gradients(system, prior * before - held.sum(1), before)
    solution = np.clip(solution, 0, 1)
    solution[solution < SNAP] = 0
    solution[solution > 1 - SNAP] = 1
    result = known.copy()
    result.flat[pixels] = solution
    return result


def _conjugate_gradients(
    system: csr_array, target: npt.NDArray[np.float64], start: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return x of `system` x = `target`, preconditioned by the diagonal.

    SciPy's own asks BLAS for every dot product, whose threads fight with those that matte other
    frames: together that took half as long again.
    """
    diagonal = system.diagonal()
    solution = start.copy()
    residual = target - system @ solution
    direction = residual / diagonal
    before = np.einsum("i,i", residual, direction)
    enough = TOLERANCE**2 * np.einsum("i,i", target, target)
    for _ in range(MAX_ITERATIONS):
        if np.einsum("i,i", residual, residual) <= enough:
            break
        mapped = system @ direction
        step = before / np.einsum("i,i", direction, mapped)
        solution += step * direction
        residual -= step * mapped
        scaled = residual / diagonal
        now = np.einsum("i,i", residual, scaled)
        direction = scaled + (now / before) * direction
        before = now
    return solution


def _laplacian_rows(
    image: FloatImage,
    is_unknown: npt.NDArray[np.bool_],
    number: npt.NDArray[np.int64],
    count: int,
    variance: float,
) -> npt.NDArray[np.float64]:
    """Return the rows of the matting Laplacian of the unknown pixels, `(count, 25)`.

    Every window of 3 x 3 pixels with an unknown one gives each pair of its pixels
    δ_ij - (1 + (I_i - μ)ᵀ(Σ + ε/9 U)⁻¹(I_j - μ)) / 9 (Levin eq. (12)); ε is the colours' variance.
    """
    width = is_unknown.shape[1]
    centres = cv2.dilate(is_unknown.astype(np.uint8), np.ones((3, 3), np.uint8))
    centres[[0, -1]] = 0
    centres[:, [0, -1]] = 0
    members = np.flatnonzero(centres)[:, None] + np.array([y * width + x for y, x in _WINDOW])
    colors = image.reshape(-1, 3)[members]  # (n, 9, 3)
    colors -= colors.mean(1, keepdims=True)
    shares = colors @ _inverse(colors.transpose(0, 2, 1) @ colors / 9, variance / 9)
    values = shares @ colors.transpose(0, 2, 1)  # (n, 9, 9)
    values += 1
    values /= -9
    values[:, range(9), range(9)] += 1
    # Rows of known pixels are not wanted: they are gathered behind the others, and left there.
    rows = number[members]
    places = np.where(rows < 0, count, rows)[..., None] * len(_NEIGHBOURS) + _PLACE
    totals = np.bincount(places.ravel(), values.ravel(), minlength=(count + 1) * len(_NEIGHBOURS))
    return np.asarray(totals.reshape(count + 1, len(_NEIGHBOURS))[:count])


def _inverse(spread: FloatImage, ridge: float) -> FloatImage:
    """Return the inverses of symmetric 3 x 3 matrices with a ridge, `(n, 3, 3)`, by cofactors."""
    a, b, c, d, e, f = (
        spread[:, i, j].astype(np.float64) + (ridge if i == j else 0)
        for i, j in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
    )
    p, q, r = d * f - e * e, c * e - b * f, b * e - c * d
    inverse = np.stack(
        (p, q, r, q, a * f - c * c, b * c - a * e, r, b * c - a * e, a * d - b * b), axis=1
    )
    inverse /= (a * p + b * q + c * r)[:, None]
    return inverse.reshape(-1, 3, 3).astype(np.float32)
