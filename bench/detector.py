"""Box and mask AP of the embedded detector on annotated photos, and its time for a frame of a clip.

python bench/detector.py --photos ../shared/data/person_instances.tar \
    --video ../shared/data/video/dancers_studio.mp4
"""

from __future__ import annotations

import argparse
import itertools
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from instmatt_video.config import PRECISIONS, RUNTIMES
from instmatt_video.detection.compact import CompactDetector, CompactSettings
from instmatt_video.detection.paste import paste_masks
from instmatt_video.device import choose_precision
from instmatt_video.media.video_file import VideoFileSource
from instmatt_video.models.person_detector import PersonNetworks
from instmatt_video.onnx_runtime.networks import OnnxPersonNetworks
from instmatt_video.training.detector.validation import average_precision
from instmatt_video.training.pictures.coco_photos import read_coco_photos
from instmatt_video.weights.loading import load_detector_networks

MIN_HEIGHTS_PX = (0.0, 62.4, 96.0)
"""62.4 px in photos of 416 px are 96 px in the 640 px originals of COCO."""


def measure_precision(detector: CompactDetector, pack: Path, subset: str) -> None:
    photos = read_coco_photos(pack, subset)
    found = [detector.detect([photo.image])[0] for photo in photos]
    print(f"{len(photos)} photos of {pack.name}/{subset}, {sum(map(len, found))} detections")
    for min_height_px in MIN_HEIGHTS_PX:
        for kind in ("bbox", "segm"):
            figures = average_precision(photos, found, kind, min_height_px)
            values = "  ".join(f"{name} {value:.3f}" for name, value in figures.items())
            print(f"  {kind}  people >= {min_height_px:4.1f} px:  {values}")


def measure_speed(detector: CompactDetector, video: Path, num_frames: int) -> None:
    frames = [f.image for f in itertools.islice(VideoFileSource(video).frames(), num_frames)]
    detector.detect(frames[:1])
    times_ms, people = [], []
    for frame in frames:
        started = time.perf_counter()
        detections = detector.detect([frame])[0]
        paste_masks(detections, *frame.shape[:2])
        times_ms.append(1000 * (time.perf_counter() - started))
        people.append(len(detections))
    height, width = frames[0].shape[:2]
    print(
        f"{video.name} {width}x{height}, {torch.get_num_threads()} threads: median "
        f"{np.median(times_ms):.0f} ms a frame, fastest {min(times_ms):.0f} ms, "
        f"{np.mean(people):.1f} people a frame"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=Path, help="COCO-format folder or tar pack")
    parser.add_argument("--subset", default="val")
    parser.add_argument("--video", type=Path, help="clip for the timing")
    parser.add_argument("--frames", type=int, default=32, help="frames of the clip to time")
    parser.add_argument("--weights", default="compact", help="`compact`, or a file")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runtime", choices=RUNTIMES, default="torch")
    parser.add_argument("--precision", choices=PRECISIONS, default="auto", help="of looks at crops")
    parser.add_argument(
        "--low", action="store_true", help="keep scores from 0.05, as AP is mostly measured"
    )
    parser.add_argument(
        "--no-small-people", action="store_true", help="leave out the fine look at large frames"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    settings = CompactSettings()
    if arguments.low:
        settings = CompactSettings(min_proposal_score=0.05, min_score=0.02, max_people=100)
    if arguments.no_small_people:
        settings = replace(settings, fine_side_px=None)
    networks: PersonNetworks = load_detector_networks(arguments.weights)
    if arguments.runtime == "onnx":
        networks = OnnxPersonNetworks(networks)
    precision = choose_precision(arguments.precision, torch.device("cpu"))
    detector = CompactDetector(settings=settings, network=networks, precision=precision)
    if arguments.photos:
        measure_precision(detector, arguments.photos, arguments.subset)
    if arguments.video:
        measure_speed(detector, arguments.video, arguments.frames)


if __name__ == "__main__":
    main()
