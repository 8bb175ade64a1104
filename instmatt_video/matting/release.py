"""Pictures matted exactly as the authors' release does, for comparison with it.

Its resizing and its truncation to 8 bit; the network's part is `models.release`.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import torch

from instmatt_video.models.instance_matting import InstanceMattingNetwork
from instmatt_video.models.matting_network import normalise_image
from instmatt_video.models.release import matte_as_release

MAX_SIDE_PX = 1280


def matte_image_release(
    network: InstanceMattingNetwork,
    image: npt.NDArray[np.uint8],
    masks: npt.NDArray[np.uint8],
    max_side: int = MAX_SIDE_PX,
) -> npt.NDArray[np.uint8]:
    """Return everybody's alpha in a picture as the release writes it, `(n, h, w)`, 0..255.

    Args:
        network: With the release's weights, in evaluation mode.
        image: RGB, `(h, w, 3)`, 0..255.
        masks: Instance masks, `(n, h', w')`, 0..255; resized where their size is not the picture's.
        max_side: A picture with a longer side is matted at this one, and its alphas are enlarged.
    """
    height, width = image.shape[:2]
    size = (width, height)
    longest = max(height, width)
    if longest > max_side:
        ratio = max_side / longest
        size = (int(ratio * width), int(ratio * height))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    # Two steps as there: to the picture's size first, so that rounding falls on the same pixels.
    fitted = [_resize_nearest(_resize_nearest(mask, (width, height)), size) for mask in masks]
    if not fitted:
        return np.zeros((0, height, width), np.uint8)
    device = next(network.parameters()).device
    pixels = torch.from_numpy(image.astype(np.float32) / 255).permute(2, 0, 1)
    guidance = torch.from_numpy(np.stack(fitted).astype(np.float32) / 255)
    alphas = matte_as_release(network, normalise_image(pixels).to(device), guidance.to(device))
    levels = (alphas * 255).cpu().numpy().astype(np.uint8)  # truncated, not rounded
    if size != (width, height):
        levels = np.stack([cv2.resize(level, (width, height)) for level in levels])
    return np.asarray(levels, np.uint8)


def _resize_nearest(mask: npt.NDArray[np.uint8], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    if mask.shape == size[::-1]:
        return mask
    return np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST), np.uint8)
