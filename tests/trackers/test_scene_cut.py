"""Cuts are found; flashes, lamps, fades, pans and fast movement are none."""

import cv2
import numpy as np
import pytest

from instmatt_video.trackers import CutDetector, scene_cut


def scene(seed, width=480, height=270):
    """A smooth random picture with its own colours, 25 px wider and higher than the frame."""
    rng = np.random.default_rng(seed)
    blobs = rng.uniform(0, 255, (7, 11, 3)).astype(np.float32)
    picture = cv2.resize(blobs, (width + 200, height + 60), interpolation=cv2.INTER_CUBIC)
    tint = rng.uniform(-60, 60, 3)
    return np.clip(0.5 * picture + 64 + tint, 0, 255).astype(np.uint8)


def frame(picture, shift=0, ball=None):
    image = picture[30:300, 100 + shift : 580 + shift].copy()
    if ball is not None:
        cv2.circle(image, ball, 50, (230, 200, 180), -1)
    return image


def cuts(frames):
    detector = CutDetector()
    return [index for index, image in enumerate(frames) if detector.update(image)]


@pytest.mark.parametrize("seeds", [(1, 2), (3, 4), (5, 6), (7, 8)])
def test_a_cut_is_found_at_its_frame(seeds):
    a, b = (scene(seed) for seed in seeds)
    assert cuts([frame(a)] * 12 + [frame(b)] * 12) == [12]


@pytest.mark.parametrize("level", [0, 16])
@pytest.mark.parametrize(
    "bars", [np.s_[[*range(46), *range(224, 270)]], np.s_[:, :80], np.s_[:, 150:]]
)
@pytest.mark.parametrize("seeds", [(1, 2), (3, 4), (5, 6), (7, 8)])
def test_bars_that_both_shots_have_hide_no_cut(seeds, bars, level):
    a, b = (frame(scene(seed)) for seed in seeds)
    a[bars] = b[bars] = level
    assert cuts([a] * 12 + [b] * 12) == [12]


def test_a_pan_between_bars_is_no_cut():
    frames = [frame(scene(1), shift) for shift in range(-90, 90, 12)]
    for image in frames:
        image[:46] = image[-46:] = 0
    assert cuts(frames) == []


def test_cuts_in_quick_succession():
    pictures = [frame(scene(seed)) for seed in (1, 2, 3)]
    assert cuts([picture for picture in pictures for _ in range(3)]) == [3, 6]


def test_a_pan_is_no_cut():
    a = scene(1)
    assert cuts([frame(a, shift) for shift in range(-90, 90, 12)]) == []


def test_fast_movement_is_no_cut():
    a = scene(2)
    assert cuts([frame(a, ball=(60 * f % 480, 40 + 50 * (f % 4))) for f in range(24)]) == []


@pytest.mark.parametrize(
    ("gain", "offset"), [(1.0, 60.0), (1.8, 40.0), (0.4, 0.0), (4.0, 150.0), (0.0, 255.0)]
)
@pytest.mark.parametrize("length", [1, 3])
def test_a_flash_is_no_cut(gain, offset, length):
    a = frame(scene(3))
    flash = np.clip(a * gain + offset, 0, 255).astype(np.uint8)
    assert cuts([a] * 12 + [flash] * length + [a] * 12) == []


@pytest.mark.parametrize("length", [1, 12])
@pytest.mark.parametrize("place", [(0, 135), (240, 0), (470, 260)])
def test_a_lamp_in_a_dark_room_is_no_cut(place, length):
    tiles = np.random.default_rng(3).uniform(0, 255, (27, 48, 3))
    room = cv2.resize(tiles, (480, 270), interpolation=cv2.INTER_CUBIC).clip(0, 255) * 0.4
    rows, columns = np.mgrid[:270, :480]
    distance = np.hypot(columns - place[0], rows - place[1]) / 120
    light = 1 + 5 * np.exp(-(distance[..., None] ** 2) / 2) * [1.0, 0.9, 0.7]
    dark, lit = (image.clip(0, 255).astype(np.uint8) for image in (room, room * light))
    assert cuts([dark] * 12 + [lit] * length + [dark] * 12) == []


def test_a_fade_through_black_is_one_cut():
    a, b = frame(scene(1)), frame(scene(2))
    out = [(a * w).astype(np.uint8) for w in np.linspace(1, 0, 12)]
    into = [(b * w).astype(np.uint8) for w in np.linspace(0, 1, 12)]
    found = cuts([a] * 5 + out + into + [b] * 5)
    assert len(found) == 1
    assert 17 <= found[0] < 29


def test_another_view_of_the_same_place_is_a_cut():
    a = frame(scene(4))
    assert cuts([a] * 12 + [a[:, ::-1]] * 5) == [12]


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_and_one_frame_have_no_cut(count):
    assert cuts([frame(scene(1))] * count) == []


@pytest.mark.slow
def test_real_clips_joined_end_to_end(shared_dir):
    """No cut inside any clip; every joint found."""
    import av

    frames, joints = [], []
    for name in ("dancers_studio.mp4", "street_pets.avi", "room_walkers.mp4"):
        joints.append(len(frames))
        with av.open(str(shared_dir / "data" / "video" / name)) as clip:
            for image in clip.decode(video=0):
                frames.append(cv2.resize(image.to_ndarray(format="rgb24"), (192, 108)))
                if len(frames) - joints[-1] == 90:
                    break
    assert cuts(frames) == joints[1:]


@pytest.mark.parametrize("shape", [(4, 2000), (2000, 4), (1, 3000), (1, 1)])
def test_the_copies_of_a_narrow_clip_stay_small(shape):
    image = np.random.default_rng(2).integers(0, 255, (*shape, 3), np.uint8)
    view = scene_cut._look_at(image)
    assert view is None or view.small.size <= 3 * 96 * 384
    detector = CutDetector()
    assert not any(detector.update(image) for _ in range(3))
