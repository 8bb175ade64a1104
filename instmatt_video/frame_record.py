"""What is known of each frame of a clip, and the bytes that hold it.

Knows values and arrays; knows neither files nor how the values came about.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from .alpha_frame import AlphaFrame
from .detection.detections import Detections

ALPHA_LEVELS = 4095
"""Alpha is kept in 12 bits: finer than any format's 10, coarser than the network's noise."""


@dataclass(frozen=True)
class StoredAlpha:
    """One tracklet's alpha in one frame, packed."""

    track_id: int
    left: int
    top: int
    png: bytes
    """16-bit grey PNG of levels 0..`ALPHA_LEVELS`; empty where nothing is seen."""
    is_coasted: bool
    """Made without a detection: it counts only where the tracklet is detected again later."""

    def unpack(self) -> AlphaFrame:
        """Return the alpha."""
        if not self.png:
            return AlphaFrame(self.left, self.top, np.zeros((0, 0), np.float32))
        levels = cv2.imdecode(np.frombuffer(self.png, np.uint8), cv2.IMREAD_UNCHANGED)
        alpha = np.asarray(levels, np.float32) / np.float32(ALPHA_LEVELS)
        return AlphaFrame(self.left, self.top, alpha)


def pack_alpha(track_id: int, frame: AlphaFrame, is_coasted: bool) -> StoredAlpha:
    """Return an alpha as it is stored."""
    data = b""
    if frame.alpha.size:
        levels = (frame.alpha * ALPHA_LEVELS + 0.5).astype(np.uint16)
        _, encoded = cv2.imencode(".png", levels, [cv2.IMWRITE_PNG_COMPRESSION, 1])
        data = encoded.tobytes()
    return StoredAlpha(track_id, frame.left, frame.top, data, is_coasted)


@dataclass(frozen=True)
class TrackedBox:
    """Where a tracklet was in a frame."""

    track_id: int
    box: npt.NDArray[np.float64]
    """`(4,)` xyxy in pixels."""
    score: float
    row: int | None
    """Of its detection in the frame; `None` where the mask is another frame's, moved along."""

    @property
    def is_detected(self) -> bool:
        """Tell whether the detector saw the tracklet in the frame."""
        return self.row is not None


@dataclass(frozen=True)
class FrameRecord:
    """What is known of one frame."""

    index: int
    time: Fraction
    """Seconds."""
    is_cut: bool
    """A new shot begins here."""
    was_looked_at: bool
    """The detector saw this frame."""
    camera_motion: npt.NDArray[np.float64] | None
    """`(2, 3)` from the frame that was looked at before."""
    detections: Detections
    tracks: tuple[TrackedBox, ...]
    alphas: tuple[StoredAlpha, ...]
    is_held: bool = False
    """The frame could not be read: what is in its place was seen beside it."""
    shows_scene: bool = True
    """It counts for the detection of cuts; a white or black frame does not."""


def pack_records(records: Sequence[FrameRecord]) -> bytes:
    """Return a chunk: arrays, alphas and a JSON header in one npz."""
    header: list[dict[str, Any]] = []
    arrays: dict[str, npt.NDArray[Any]] = {}
    blobs: list[bytes] = []
    for position, record in enumerate(records):
        for name in ("boxes", "scores", "masks", "features", "identities"):
            value = getattr(record.detections, name)
            if value is not None:
                arrays[f"{position}_{name}"] = value
        if record.camera_motion is not None:
            arrays[f"{position}_camera"] = record.camera_motion
        header.append(
            {
                "index": record.index,
                "time": str(record.time),
                "is_cut": record.is_cut,
                "was_looked_at": record.was_looked_at,
                "is_held": record.is_held,
                "shows_scene": record.shows_scene,
                "tracks": [
                    [t.track_id, [float(v) for v in t.box], t.score, t.row] for t in record.tracks
                ],
                "alphas": [
                    [a.track_id, a.left, a.top, len(a.png), a.is_coasted] for a in record.alphas
                ],
            }
        )
        blobs.extend(a.png for a in record.alphas)
    arrays["alphas"] = np.frombuffer(b"".join(blobs), np.uint8)
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def unpack_records(data: bytes) -> Iterator[FrameRecord]:
    """Yield the records that `pack_records` put into a chunk."""
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        header = json.loads(arrays["header"].tobytes())
        blob, offset = arrays["alphas"].tobytes(), 0
        for position, frame in enumerate(header):
            alphas = []
            for track_id, left, top, length, is_coasted in frame["alphas"]:
                png = blob[offset : offset + length]
                alphas.append(StoredAlpha(track_id, left, top, png, is_coasted))
                offset += length
            features, identities = f"{position}_features", f"{position}_identities"
            camera = f"{position}_camera"
            yield FrameRecord(
                frame["index"],
                Fraction(frame["time"]),
                frame["is_cut"],
                frame["was_looked_at"],
                arrays[camera] if camera in arrays else None,
                Detections(
                    arrays[f"{position}_boxes"],
                    arrays[f"{position}_scores"],
                    arrays[f"{position}_masks"],
                    arrays[features] if features in arrays else None,
                    arrays[identities] if identities in arrays else None,
                ),
                tuple(
                    TrackedBox(track_id, np.array(box), score, row)
                    for track_id, box, score, row in frame["tracks"]
                ),
                tuple(alphas),
                frame["is_held"],
                frame["shows_scene"],
            )
