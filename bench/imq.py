"""Time IMQ on 720p images of three people, against a naive Connectivity: a process per pair.

    python bench/imq.py [--images 100] [--jobs 2]

The naive one labels the whole frame at each of the ten thresholds, in a process of its own for
each pair, as the release of the paper goes about it. Both give the same numbers, which is checked.
"""

from __future__ import annotations

import argparse
import multiprocessing
import platform
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import Connection

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, label

from instmatt_video.eval.alpha import find_common_box, find_support, to_unit
from instmatt_video.eval.connectivity import DEAD_ZONE, THRESHOLDS, connectivity_error_sum
from instmatt_video.eval.imq import ImageMatches, match_image, summarise

HEIGHT, WIDTH, NUM_PEOPLE = 720, 1280, 3


def make_people(seed: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Return predictions and targets `(3, 720, 1280)`: frayed bodies, blurred and noised."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    predictions, targets = [], []
    for person in range(NUM_PEOPLE):
        center = WIDTH * (person + 1 + random.uniform(-0.3, 0.3)) / (NUM_PEOPLE + 1)
        distance = np.hypot((x - center) / (WIDTH * 0.11), (y - HEIGHT * 0.6) / (HEIGHT * 0.42))
        head = np.hypot((x - center) / (WIDTH * 0.045), (y - HEIGHT * 0.16) / (HEIGHT * 0.12))
        distance = np.minimum(distance, head)
        strands = gaussian_filter(random.standard_normal((HEIGHT, WIDTH)).astype(np.float32), 3)
        inside = (distance < 0.9) | ((distance < 1.1) & (strands > 0.02))
        target = gaussian_filter(inside.astype(np.float32), 1.5)
        # Errors of a network are smooth: noise over some pixels, where the truth is uncertain.
        noise = gaussian_filter(random.standard_normal(target.shape, dtype=np.float32), 1) * 0.3
        prediction = gaussian_filter(inside.astype(np.float32), 2.5)
        prediction += noise * (target > 0.02) * (target < 0.98)
        targets.append(target)
        predictions.append(prediction.clip(0, 1))
    return _to_bytes(predictions), _to_bytes(targets)


def _to_bytes(alphas: list[npt.NDArray[np.float32]]) -> npt.NDArray[np.uint8]:
    return np.round(np.stack(alphas) * 255).astype(np.uint8)


def naive_connectivity(
    prediction: npt.NDArray[np.uint8], target: npt.NDArray[np.uint8], answer: Connection
) -> None:
    """Send the pair's connectivity error, found by labelling the full frame ten times."""
    p, g = to_unit(prediction), to_unit(target)
    levels = np.full(p.shape, -1, dtype=np.float32)
    for i in range(1, len(THRESHOLDS)):
        labels, count = label((p >= THRESHOLDS[i]) & (g >= THRESHOLDS[i]))
        largest = np.zeros(p.shape, dtype=bool)
        if count:
            largest = labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])
        levels[(levels == -1) & ~largest] = THRESHOLDS[i - 1]
    levels[levels == -1] = 1
    phi = [1 - (a - levels) * ((a - levels) >= DEAD_ZONE) for a in (p, g)]
    union = (p > 0) | (g > 0)
    answer.send(float(np.abs(phi[0] - phi[1])[union].sum() / np.count_nonzero(union)))


def time_naive(
    predictions: npt.NDArray[np.uint8], targets: npt.NDArray[np.uint8]
) -> tuple[float, list[float]]:
    """Return seconds and the connectivity errors of the image's pairs, a process for each."""
    start = time.perf_counter()
    errors = []
    for prediction, target in zip(predictions, targets, strict=True):
        receiver, sender = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.Process(
            target=naive_connectivity, args=(prediction, target, sender)
        )
        process.start()
        errors.append(receiver.recv())
        process.join()
    return time.perf_counter() - start, errors


def time_ours(
    predictions: npt.NDArray[np.uint8], targets: npt.NDArray[np.uint8]
) -> tuple[float, list[float]]:
    """Return the same of the product's connectivity, from bytes, cropping included."""
    start = time.perf_counter()
    errors = []
    for prediction, target in zip(predictions, targets, strict=True):
        left, top, right, bottom = find_common_box(prediction, target, "strict")
        p, g = prediction[top:bottom, left:right], target[top:bottom, left:right]
        union = find_support(p, "strict") | find_support(g, "strict")
        errors.append(connectivity_error_sum(p, g, union) / int(np.count_nonzero(union)))
    return time.perf_counter() - start, errors


def cpu_time_s() -> float:
    """Return the CPU time of this process and those it has joined."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def match_seed(seed: int) -> tuple[float, ImageMatches]:
    """Return the seconds of the whole IMQ of one made image, and its matches."""
    predictions, targets = make_people(seed)
    start = time.perf_counter()
    matches = match_image(predictions, targets)
    return time.perf_counter() - start, matches


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    naive_s = ours_s = naive_cpu_s = ours_cpu_s = 0.0
    for seed in range(options.images):
        people = make_people(seed)
        started = cpu_time_s()
        seconds, found = time_ours(*people)
        ours_s += seconds
        between = cpu_time_s()
        seconds, expected = time_naive(*people)
        naive_s += seconds
        ours_cpu_s += between - started
        naive_cpu_s += cpu_time_s() - between
        np.testing.assert_allclose(found, expected, atol=1e-6)
    count = options.images
    print(f"{platform.processor() or platform.machine()}, {count} images 1280x720, 3 people each")
    print(f"connectivity, a process per pair: {naive_s / count * 1e3:9.1f} ms an image")
    print(f"connectivity, ours, one process:  {ours_s / count * 1e3:9.1f} ms an image")
    print(f"ratio: {naive_s / ours_s:.1f} by the clock, {naive_cpu_s / ours_cpu_s:.1f} in CPU time")
    with ProcessPoolExecutor(options.jobs) as pool:
        timed = list(pool.map(match_seed, range(count)))
    total = sum(seconds for seconds, _ in timed)
    print(f"whole IMQ, a process of {options.jobs}: {total / count * 1e3:6.1f} ms an image")
    print(summarise(matches for _, matches in timed).table())


if __name__ == "__main__":
    main()
