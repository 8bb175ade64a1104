"""One more person in a frame that is stored already: matted beside those who count there.

Knows records, the cast and the matter; does not know why somebody is added.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from .alpha_frame import AlphaFrame
from .alpha_store import FrameRecord, StoredAlpha, TrackedBox, pack_alpha
from .detection.detections import Detections
from .identities import Cast
from .mask_carrying import CarriedMask, mask_on_box
from .matter import Matter
from .media.frame import Frame


def add_person(
    frame: Frame,
    record: FrameRecord,
    cast: Cast,
    tracklet: int,
    person: CarriedMask,
    score: float,
    matter: Matter,
) -> FrameRecord:
    """Return a frame's record with one more person, as a mask that was moved there.

    So it counts while its tracklet is detected later; whoever reads the store need not know more.

    Args:
        frame: The picture.
        record: What is stored of it.
        cast: Who counts in it.
        tracklet: Under whose number the person is stored.
        person: Box and mask.
        score: How sure that is, 0..1.
        matter: Masks to alphas.
    """
    others = [a for a in record.alphas if cast.counting_part(a.track_id, record.index)]
    neighbours = record.detections.select(rows_of_people(record, cast))
    alpha = _within_rest(_matte_beside(frame, person, neighbours, matter), others)
    return replace(
        record,
        tracks=(*record.tracks, TrackedBox(tracklet, person.box, score, is_detected=False)),
        alphas=(*record.alphas, pack_alpha(tracklet, alpha, is_coasted=True)),
    )


def rows_of_people(record: FrameRecord, cast: Cast) -> npt.NDArray[np.intp]:
    """Return the rows of the detections that belong to somebody who counts in the frame.

    The others are doubtful: a ghost beside a person would take pixels from them.
    """
    boxes = {
        tuple(track.box.tolist())
        for track in record.tracks
        if track.is_detected and cast.counting_part(track.track_id, record.index) is not None
    }
    rows = [i for i, box in enumerate(record.detections.boxes.tolist()) if tuple(box) in boxes]
    return np.array(rows, np.intp)


def _matte_beside(
    frame: Frame, person: CarriedMask, neighbours: Detections, matter: Matter
) -> AlphaFrame:
    people = Detections(
        np.concatenate([person.box[None].astype(np.float32), neighbours.boxes]),
        np.ones(1 + len(neighbours), np.float32),
        np.concatenate([person.mask[None], _at_size(neighbours.masks, person.mask.shape[0])]),
    )
    return matter.matte(frame.image, people)[0]


def _at_size(masks: npt.NDArray[np.float32], cells: int) -> npt.NDArray[np.float32]:
    box = np.array([0.0, 0.0, 1.0, 1.0])
    resized = [mask_on_box(mask, box, box, cells, cells) for mask in masks]
    return np.asarray(resized, np.float32).reshape(len(masks), cells, cells)


def _within_rest(alpha: AlphaFrame, others: Iterable[StoredAlpha]) -> AlphaFrame:
    """Return an alpha, cut to what the others leave of each pixel (Eq. 2)."""
    height, width = alpha.alpha.shape
    taken = np.zeros((height, width), np.float32)
    for other in (stored.unpack() for stored in others):
        h, w = other.alpha.shape
        left, top = max(alpha.left, other.left), max(alpha.top, other.top)
        right = min(alpha.left + width, other.left + w)
        bottom = min(alpha.top + height, other.top + h)
        if right <= left or bottom <= top:
            continue
        here, there = (
            np.s_[top - o.top : bottom - o.top, left - o.left : right - o.left]
            for o in (alpha, other)
        )
        taken[here] += other.alpha[there]
    return replace(alpha, alpha=np.minimum(alpha.alpha, np.maximum(0, 1 - taken)))
