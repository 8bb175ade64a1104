"""What cameras and codecs do to a picture, so that a pasted edge is no clue; and bad light.

Knows colours and noise; knows nothing of mattes but to keep premultiplied colour premultiplied.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from ...matting.crops import MAX_ENLARGEMENT
from .composites import Layer

FloatArray = npt.NDArray[np.float32]


def match_light(layer: Layer, background: FloatArray, rng: np.random.Generator) -> Layer:
    """Return the layer with its colours drawn towards the scene's, and its own light.

    Every step is affine in colour, so it holds for premultiplied colour too.

    Args:
        layer: A person on the canvas.
        background: The scene, `(H, W, 3)`, 0..1.
        rng: Source of chance.
    """
    sample = np.dstack((layer.premultiplied[::4, ::4], layer.alpha[::4, ::4])).sum((0, 1))
    mean = sample[:3] / (sample[3] + 1e-6)
    scene = background[::8, ::8].mean((0, 1))
    saturation, contrast = rng.uniform(0.5, 1.15), rng.uniform(0.75, 1.15)
    gain = np.exp(rng.normal(0, 0.08, 3) + rng.normal(0, 0.15))
    target = (mean + rng.uniform(0, 0.6) * (scene - mean)) * gain
    mix = saturation * np.eye(3) + (1 - saturation) / 3  # towards the pixel's grey
    # Straight colour c becomes contrast · (mix c - mix mean) + target;
    # premultiplied, alpha is the 1.
    matrix = np.column_stack((contrast * mix, target - contrast * mix @ mean)).astype(np.float32)
    color = cv2.transform(cv2.merge((layer.premultiplied, layer.alpha)), matrix)
    if rng.random() < 0.3:
        height, width = layer.alpha.shape
        slope = rng.uniform(-0.35, 0.35, 2).astype(np.float32)
        across = np.linspace(-slope[0], slope[0], width, dtype=np.float32)
        down = np.linspace(1 - slope[1], 1 + slope[1], height, dtype=np.float32)
        color *= (across[None, :] + down[:, None])[..., None]
    np.maximum(color, 0, out=color)
    np.minimum(color, layer.alpha[..., None], out=color)
    return Layer(color, layer.alpha)


def soften(layer: Layer, rng: np.random.Generator) -> Layer:
    """Return the layer, colour and alpha, as a lens out of focus or a moving person leaves it."""
    if rng.random() < 0.2:
        sigma = rng.uniform(0.4, 1.8)
        layer = Layer(
            cv2.GaussianBlur(layer.premultiplied, (0, 0), sigma),
            cv2.GaussianBlur(layer.alpha, (0, 0), sigma),
        )
    if rng.random() < 0.08:
        kernel = motion_kernel(int(rng.integers(3, 12)), rng.uniform(0, 180))
        layer = Layer(
            cv2.filter2D(layer.premultiplied, -1, kernel), cv2.filter2D(layer.alpha, -1, kernel)
        )
    return layer


def motion_kernel(length_px: int, angle_deg: float) -> FloatArray:
    """Return the kernel of a straight motion, `(length, length)`, summing to 1."""
    kernel = np.zeros((length_px, length_px), np.float32)
    kernel[length_px // 2] = 1
    centre = ((length_px - 1) / 2, (length_px - 1) / 2)
    turned = cv2.warpAffine(
        kernel, cv2.getRotationMatrix2D(centre, angle_deg, 1), (length_px, length_px)
    )
    return np.asarray(turned / max(float(turned.sum()), 1e-6), np.float32)


def degrade(image: FloatArray, rng: np.random.Generator, far_chance: float = 0.0) -> FloatArray:
    """Return the picture resampled, noisy and compressed, each by chance.

    Args:
        image: `(H, W, 3)`, 0..1.
        rng: Source of chance.
        far_chance: Share of pictures that a camera saw smaller. The product enlarges people who
            are far away, and noise and a coder's blocks with them.
    """
    height, width = image.shape[:2]
    if rng.random() < 0.25:
        image = _enlarge(_shrink(image, rng.uniform(0.5, 0.9)), (width, height), cv2.INTER_LINEAR)
    if far_chance and rng.random() < far_chance:
        image = _shrink(image, rng.uniform(1 / MAX_ENLARGEMENT, 1))
    if rng.random() < 0.5:
        noise = rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(0.004, 0.03))
        if rng.random() < 0.5:
            noise = cv2.GaussianBlur(noise, (0, 0), 0.8) * 1.8
        image = image + noise
    image = np.clip(image, 0, 1)
    if rng.random() < 0.5:
        quality = int(rng.integers(40, 96))
        levels = compress((image * 255 + 0.5).astype(np.uint8), quality)
        image = np.asarray(levels, np.float32) / np.float32(255)
    return _enlarge(image, (width, height), cv2.INTER_CUBIC)


def _shrink(image: FloatArray, factor: float) -> FloatArray:
    height, width = image.shape[:2]
    size = (int(width * factor), int(height * factor))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)


def _enlarge(image: FloatArray, size: tuple[int, int], interpolation: int) -> FloatArray:
    """Return the picture at a size (width, height), or as it is where that is its own."""
    if image.shape[1::-1] == size:
        return np.asarray(image, np.float32)
    enlarged = cv2.resize(image, size, interpolation=interpolation)
    return np.asarray(enlarged.clip(0, 1), np.float32)


def compress(image: npt.NDArray[np.uint8], quality: int) -> npt.NDArray[np.uint8]:
    """Return an RGB picture `(H, W, 3)` as a JPEG shows it.

    Args:
        image: The picture.
        quality: 0..100.
    """
    # OpenCV has blue first, and a JPEG keeps less of fine blue than of fine red.
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)


def obscure(image: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return the picture `(H, W, 3)`, 0..1, pale, tinted, blurred and noisy.

    A detector that has learned from the people of a picture errs on it less than on strangers;
    shown this instead, it errs as often, and where it errs on strangers: at limbs and neighbours
    that the picture does not show clearly.
    """
    height, width = image.shape[:2]
    contrast, haze = rng.uniform(0.4, 1.0), rng.uniform(0.2, 0.8, 3)
    pale = (image * contrast + (1 - contrast) * haze) * np.exp(rng.normal(0, 0.15, 3))
    small = _shrink(pale.astype(np.float32), rng.uniform(0.25, 0.8))
    blurred = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    noise = rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(0, 0.05))
    return np.asarray(np.clip(blurred + noise, 0, 1), np.float32)
