"""One more person in a frame that is stored already: matted beside those who count there.

Knows records, the cast and the matter; does not know why somebody is added.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ..alpha_frame import AlphaFrame
from ..detection.detections import Detections
from ..detection.paste import mask_on_box
from ..frame_record import FrameRecord, StoredAlpha, TrackedBox, pack_alpha
from ..matting.frame_matter import FrameMatter, matte_people
from ..media.frame import Frame
from .identities import Cast
from .mask_carrying import CarriedMask


class LateMatting:
    """Adds people to stored frames, each beside those who count there and whom it added before.

    Args:
        cast: Who counts in the stored frames.
        matter: Masks to alphas.
    """

    def __init__(self, cast: Cast, matter: FrameMatter) -> None:
        self._cast = cast
        self._matter = matter
        self._added: dict[int, dict[int, CarriedMask]] = {}
        """By frame and tracklet; the cast does not know them."""

    def add(
        self, frame: Frame, record: FrameRecord, tracklet: int, person: CarriedMask, score: float
    ) -> FrameRecord:
        """Return a frame's record with one more person, as a mask that was moved there.

        So it counts while its tracklet is detected later; whoever reads the store need not know
        more.

        Args:
            frame: The picture.
            record: What is stored of it now.
            tracklet: Under whose number the person is stored.
            person: Box and mask.
            score: How sure that is, 0..1.
        """
        before = self._added.setdefault(record.index, {})
        others = [
            alpha
            for alpha in record.alphas
            if alpha.track_id in before
            or self._cast.counting_part(alpha.track_id, record.index) is not None
        ]
        found = record.detections
        neighbours = [
            CarriedMask(found.boxes[row].astype(np.float64), found.masks[row])
            for row in rows_of_people(record, self._cast)
        ]
        alpha = self._matte_beside(frame, person, [*neighbours, *before.values()])
        before[tracklet] = person
        track = TrackedBox(tracklet, person.box, score, row=None)
        return replace(
            record,
            tracks=(*record.tracks, track),
            alphas=(
                *record.alphas,
                pack_alpha(tracklet, _within_rest(alpha, others), is_coasted=True),
            ),
        )

    def _matte_beside(
        self, frame: Frame, person: CarriedMask, neighbours: Sequence[CarriedMask]
    ) -> AlphaFrame:
        everybody = [person, *neighbours]
        cells = person.mask.shape[0]
        people = Detections(
            np.array([one.box for one in everybody], np.float32),
            np.ones(len(everybody), np.float32),
            np.stack([mask_on_box(one.mask, one.box, one.box, cells, cells) for one in everybody]),
        )
        return matte_people(self._matter, frame.image, people)[0]


def rows_of_people(record: FrameRecord, cast: Cast) -> npt.NDArray[np.intp]:
    """Return the rows of the detections that belong to somebody who counts in the frame.

    The others are doubtful: a ghost beside a person would take pixels from them.
    """
    rows = [
        track.row
        for track in record.tracks
        if track.row is not None and cast.counting_part(track.track_id, record.index) is not None
    ]
    return np.array(sorted(rows), np.intp)


def _within_rest(alpha: AlphaFrame, others: Iterable[StoredAlpha]) -> AlphaFrame:
    """Return an alpha, cut to what the others leave of each pixel (Eq. 2)."""
    taken = np.zeros_like(alpha.alpha)
    for other in others:
        taken += other.unpack().within(alpha.area)
    return replace(alpha, alpha=np.minimum(alpha.alpha, np.maximum(0, 1 - taken)))
