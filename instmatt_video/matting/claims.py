"""Whose pixel it is where two people claim it: by their masks, or by their alphas.

A detector's mask of a large person often runs over somebody small in front of them; told twice, the
network believes neither, and both come out translucent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

import cv2
import numpy as np
import numpy.typing as npt

from ..alpha_frame import AlphaFrame
from ..detection.detections import Detections
from ..detection.paste import mask_on_box
from ..rectangle import Rectangle

FloatImage = npt.NDArray[np.float32]

MIN_CLAIMED = 0.5
"""Share of a mask that another claims, above which the two are told apart; less is left to the
network, which has learned from overlapping masks."""
SEEN = 0.02
"""Alpha of somebody of whom there is at least a trace."""
REACH = 0.04
"""How far from any trace of a person more of them may be found, as a share of the longer side."""


def settle_claims(masks: FloatImage) -> FloatImage:
    """Return the masks with pixels that two claim left to the one who would lose more of it.

    Of two people who overlap that much, the one behind shows elsewhere too: whoever is covered
    by the other's mask for the greater part must stand in front, or would not be seen at all.

    Args:
        masks: `(n, h, w)`, 0..1.

    Returns:
        `(n, h, w)`; the same array where nobody is claimed for the greater part.
    """
    is_inside = masks > 0.5
    areas = is_inside.sum((1, 2))
    settled = masks
    for i in range(len(masks)):
        for j in range(i):
            both = is_inside[i] & is_inside[j]
            common = int(both.sum())
            if common <= MIN_CLAIMED * min(areas[i], areas[j]):
                continue
            if settled is masks:
                settled = masks.copy()
            behind = i if areas[i] > areas[j] else j
            settled[behind][both] = 0
    return settled


def yield_to_seen(people: Detections, is_missed: Sequence[bool]) -> Detections:
    """Return the people; a missed one's mask that a seen one's claims leaves those pixels to them.

    Somebody whom the detector misses is mostly hidden, by the very person whose mask lies there.
    So the rule of `settle_claims`, that the smaller one stands in front, would be wrong of them.

    Args:
        people: Boxes and masks.
        is_missed: Of each, whether the detector did not find them when it last looked, so that
            the mask is an earlier one, moved along.
    """
    masks = people.masks
    for i in np.flatnonzero(is_missed):
        own = people.masks[i]
        for j in np.flatnonzero(~np.asarray(is_missed, np.bool_)):
            seen = mask_on_box(people.masks[j], people.boxes[j], people.boxes[i], *own.shape) > 0.5
            if (seen & (own > 0.5)).sum() <= MIN_CLAIMED * (own > 0.5).sum():
                continue
            if masks is people.masks:
                masks = masks.copy()
            masks[i][seen] = 0
    return people if masks is people.masks else replace(people, masks=masks)


def leave_to_others(
    closer: AlphaFrame, shared: AlphaFrame, others: Sequence[AlphaFrame]
) -> AlphaFrame:
    """Return a person's alpha of a closer canvas without what is somebody else's.

    A closer canvas hears nothing of the large people beside it, whose arm looks like anybody's. It
    knows better where an edge is, but who is who the shared canvas knows.

    Args:
        closer: The person's alpha, of the closer canvas.
        shared: The same person's, of the canvas shared with the others.
        others: Theirs, of the shared canvas.
    """
    area = closer.area
    is_others = reduce(np.maximum, (other.within(area) for other in others)) > 0.5
    is_unseen = shared.within(area) < SEEN
    distance = cv2.distanceTransform(is_unseen.astype(np.uint8), cv2.DIST_L2, 5)
    is_out_of_reach = distance > REACH * max(area.height, area.width)
    is_lost = is_others & is_out_of_reach
    return replace(closer, alpha=np.where(is_lost, np.float32(0), closer.alpha))


def share_pixels(alphas: Sequence[AlphaFrame]) -> list[AlphaFrame]:
    """Return the alphas, scaled down where several people's sum exceeds 1 (Eq. 2)."""
    if len(alphas) < 2:
        return list(alphas)
    whole = reduce(Rectangle.united, (one.area for one in alphas))
    total = np.zeros((whole.height, whole.width), np.float32)
    for one in alphas:
        total[one.area.slices_in(whole)] += one.alpha
    np.maximum(total, 1, out=total)  # eq. (2)
    return [replace(one, alpha=one.alpha / total[one.area.slices_in(whole)]) for one in alphas]
