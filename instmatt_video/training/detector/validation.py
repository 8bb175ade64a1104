"""COCO's average precision of boxes and masks on annotated photos, by people's height."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ...detection.detections import Detections
from ...detection.paste import paste_masks
from ..pictures.marked_photos import Photo

MAX_DETECTIONS = 100


def average_precision(
    photos: Sequence[Photo],
    detections: Sequence[Detections],
    kind: str,
    min_height_px: float = 0.0,
) -> dict[str, float]:
    """Return `AP` (IoU 0.50 to 0.95), `AP50` and `AP75`, each 0..1.

    All are 0 where nobody is found, and where there is nobody to be found.

    Args:
        photos: Photos with everybody marked.
        detections: What was found in each of them.
        kind: `bbox` or `segm`.
        min_height_px: Lower people, and unmatched detections lower than this, are ignored.
    """
    # An extra: needed for training and measuring alone.
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    results = [
        entry
        for index, (photo, found) in enumerate(zip(photos, detections, strict=True))
        for entry in _results(index, photo, found, kind)
    ]
    if not results:
        return {"AP": 0.0, "AP50": 0.0, "AP75": 0.0}
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints its progress
        truth = COCO()
        truth.dataset = _truth(photos)
        truth.createIndex()
        found = truth.loadRes([dict(result) for result in results])
        for annotation, result in zip(found.dataset["annotations"], results, strict=True):
            annotation["area"] = result["height"]  # the range of "areas" below is one of heights
        evaluation = COCOeval(truth, found, kind)
        evaluation.params.areaRng = [[min_height_px, 1e9]]
        evaluation.params.areaRngLbl = ["all"]
        evaluation.params.maxDets = [MAX_DETECTIONS]
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, 0, 0, 0]  # (IoU .50, .55 … .95, recalls)
    precision = precision.clip(min=0)  # pycocotools has -1 where there is nobody to be found
    return {
        "AP": float(precision.mean()),
        "AP50": float(precision[0].mean()),
        "AP75": float(precision[5].mean()),
    }


def _truth(photos: Sequence[Photo]) -> dict[str, Any]:
    images, annotations = [], []
    for index, photo in enumerate(photos):
        height, width = photo.image.shape[:2]
        images.append({"id": index, "height": height, "width": width})
        for person in photo.people:
            entry = _entry(index, person.box, person.full_mask((height, width)))
            annotations.append(entry | {"area": person.height_px, "iscrowd": 0})
        for box in photo.crowd_boxes:
            mask = np.zeros((height, width), np.uint8)
            left, top, right, bottom = (round(float(side)) for side in box)
            mask[top:bottom, left:right] = 1
            entry = _entry(index, box, mask)
            annotations.append(entry | {"area": float(box[3] - box[1]), "iscrowd": 1})
    for number, annotation in enumerate(annotations):
        annotation["id"] = number + 1  # pycocotools takes id 0 for "no match"
    return {
        "info": {},
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "person"}],
    }


def _results(index: int, photo: Photo, detections: Detections, kind: str) -> list[dict[str, Any]]:
    height, width = photo.image.shape[:2]
    is_segm = kind == "segm"
    masks = paste_masks(detections, height, width) > 0.5 if is_segm else [None] * len(detections)
    return [
        _entry(index, box, mask) | {"score": float(score), "height": float(box[3] - box[1])}
        for box, score, mask in zip(detections.boxes, detections.scores, masks, strict=True)
    ]


def _entry(
    index: int, box: npt.NDArray[np.float32], mask: npt.NDArray[Any] | None
) -> dict[str, Any]:
    from pycocotools import mask as coco_mask

    left, top, right, bottom = (float(side) for side in box)
    entry: dict[str, Any] = {
        "image_id": index,
        "category_id": 1,
        "bbox": [left, top, right - left, bottom - top],
    }
    if mask is not None:
        entry["segmentation"] = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return entry
