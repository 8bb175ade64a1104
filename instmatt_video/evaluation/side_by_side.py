"""Pictures of one case for the report: image, prediction, truth and error, around the person."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from instmatt_video.eval.alpha import Alpha, Float, find_box, to_unit

MAX_SIDE_PX = 260
_MARGIN_PX = 12

_Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Panel:
    """A small picture and what it shows."""

    caption: str
    url: str
    """PNG as a data URL."""


def paint_error(prediction: Float, target: Float) -> _Bytes:
    """Return the signed error as RGB: red where alpha is too high, blue where it is too low."""
    difference = prediction - target
    painted = np.zeros((*difference.shape, 3), dtype=np.float32)
    # A square root, so that faint halos can be seen too.
    painted[..., 0] = np.sqrt(difference.clip(min=0))
    painted[..., 2] = np.sqrt((-difference).clip(min=0))
    painted[..., 1] = 0.35 * painted[..., 2]
    painted += 0.18 * target[..., None] * (np.abs(difference) < 1 / 255)[..., None]
    return _to_bytes(painted)


def make_panels(
    prediction: Alpha | None, target: Alpha | None, picture: _Bytes | None = None
) -> list[Panel]:
    """Return what can be shown of a case, cropped around the person.

    Args:
        prediction: `(H, W)` alpha; `None` for a person who was missed.
        target: `(H, W)` alpha; `None` for an invented person.
        picture: `(H, W, 3)` RGB, or `None` where it is not known.
    """
    known = [to_unit(alpha) for alpha in (prediction, target) if alpha is not None]
    if not known:
        return []
    left, top, right, bottom = find_box(np.logical_or.reduce([a > 0 for a in known]), _MARGIN_PX)
    if right == left:
        bottom, right = known[0].shape
    crop = np.s_[top:bottom, left:right]
    panels = []
    if picture is not None and picture.shape[:2] == known[0].shape:
        panels.append(Panel("image", _encode(picture[crop])))
    for caption, alpha in (("prediction", prediction), ("truth", target)):
        if alpha is not None:
            panels.append(Panel(caption, _encode(_to_bytes(to_unit(alpha[crop])))))
    if prediction is not None and target is not None:
        error = paint_error(to_unit(prediction[crop]), to_unit(target[crop]))
        panels.append(Panel("error (red: too much, blue: too little)", _encode(error)))
    return panels


def _to_bytes(image: Float) -> _Bytes:
    return np.round(255 * image.clip(0, 1)).astype(np.uint8)


def _encode(image: _Bytes) -> str:
    """Return an RGB or grey picture, made small, as a PNG data URL."""
    import cv2

    height, width = image.shape[:2]
    scale = MAX_SIDE_PX / max(height, width)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    if image.ndim == 3:
        image = image[..., ::-1]
    is_done, data = cv2.imencode(".png", image)
    assert is_done, "encoding a small 8-bit picture cannot fail"
    return "data:image/png;base64," + base64.b64encode(data.tobytes()).decode("ascii")
