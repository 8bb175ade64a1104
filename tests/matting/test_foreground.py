"""Foreground colour under a matte, on composites whose foreground is known."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from instmatt_video.matting.foreground import EXTENSION_PX, Method, estimate_foreground

METHODS: list[Method] = ["blur-fusion", "pymatting", "source"]


def soft_disc(size: int = 160, radius: float = 45, softness: float = 12) -> npt.NDArray[np.float32]:
    y, x = np.mgrid[:size, :size].astype(np.float32) - size / 2
    return np.clip((radius - np.hypot(x, y)) / softness + 0.5, 0, 1).astype(np.float32)


def composite(alpha: npt.NDArray[np.float32], dtype: type) -> tuple[npt.NDArray, npt.NDArray]:
    """Return a composite of orange over blue and its foreground, both of `dtype`."""
    largest = np.iinfo(dtype).max
    foreground = np.empty((*alpha.shape, 3))
    foreground[:] = (0.85, 0.45, 0.2)
    background = np.empty((*alpha.shape, 3))
    background[:] = (0.1, 0.3, 0.8)
    mixed = alpha[..., None] * foreground + (1 - alpha[..., None]) * background
    return np.rint(mixed * largest).astype(dtype), np.rint(foreground * largest).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("method", ["blur-fusion", "pymatting"])
def test_spill_is_removed_from_the_edge(method: Method, dtype: type) -> None:
    if method == "pymatting":
        pytest.importorskip("pymatting")
    alpha = soft_disc()
    image, truth = composite(alpha, dtype)
    estimate = estimate_foreground(image, alpha, method)
    assert estimate.dtype == dtype
    band = (alpha > 0.02) & (alpha < 0.98)
    largest = np.iinfo(dtype).max
    before = np.abs(image[band].astype(float) - truth[band]).mean() / largest
    after = np.abs(estimate[band].astype(float) - truth[band]).mean() / largest
    assert after < 0.03
    assert after < before / 6


@pytest.mark.parametrize("method", METHODS)
def test_opaque_pixels_are_the_pictures(method: Method) -> None:
    if method == "pymatting":
        pytest.importorskip("pymatting")
    alpha = soft_disc()
    image = np.random.default_rng(0).integers(0, 256, (*alpha.shape, 3), dtype=np.uint8)
    estimate = estimate_foreground(image, alpha, method)
    assert np.array_equal(estimate[alpha >= 1], image[alpha >= 1])


@pytest.mark.parametrize("method", METHODS)
def test_colour_reaches_past_the_edge_and_then_it_is_black(method: Method) -> None:
    if method == "pymatting":
        pytest.importorskip("pymatting")
    alpha = soft_disc()
    image, truth = composite(alpha, np.uint8)
    estimate = estimate_foreground(image, alpha, method).astype(int)
    distance = cv2.distanceTransform((alpha == 0).astype(np.uint8), cv2.DIST_L2, 5)
    near = (alpha == 0) & (distance <= EXTENSION_PX - 1)
    assert estimate[near].any(axis=-1).all()
    if method != "source":
        assert np.abs(estimate[near] - truth[near]).mean() < 12
    # The farthest corner of a 16-pixel square.
    far = distance > EXTENSION_PX * np.sqrt(2) + 1
    assert far.any()
    assert not estimate[far].any()


@pytest.mark.parametrize("method", METHODS)
def test_nobody_gives_black_and_everybody_the_picture(method: Method) -> None:
    if method == "pymatting":
        pytest.importorskip("pymatting")
    image = np.random.default_rng(1).integers(1, 256, (20, 31, 3), dtype=np.uint8)
    nobody = np.zeros((20, 31), np.float32)
    assert not estimate_foreground(image, nobody, method).any()
    assert np.array_equal(estimate_foreground(image, nobody + 1, method), image)


@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (2, 90)], ids=str)
def test_tiny_crops(shape: tuple[int, int]) -> None:
    image = np.full((*shape, 3), 120, np.uint8)
    estimate = estimate_foreground(image, np.full(shape, 0.5, np.float32))
    assert np.abs(estimate.astype(int) - 120).max() <= 1


def test_the_input_is_left_alone() -> None:
    alpha = soft_disc(64, 20)
    image, _ = composite(alpha, np.uint8)
    image_before, alpha_before = image.copy(), alpha.copy()
    for method in ("blur-fusion", "source"):
        estimate_foreground(image, alpha, method)[:] = 0
    assert np.array_equal(image, image_before)
    assert np.array_equal(alpha, alpha_before)


def test_mistakes_in_the_call() -> None:
    image, alpha = np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.float32)
    with pytest.raises(ValueError, match="method must be one of blur-fusion, pymatting, source"):
        estimate_foreground(image, alpha, "magic")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="does not fit alpha"):
        estimate_foreground(image, alpha[:3])
