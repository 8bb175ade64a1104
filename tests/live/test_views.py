"""Pictures whose every pixel can be computed by hand."""

from __future__ import annotations

import threading
import time
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from instmatt_video.color_names import parse_color
from instmatt_video.errors import OptionError
from instmatt_video.live import backgrounds
from instmatt_video.live.backgrounds import (
    Backgrounds,
    BlurredBackground,
    VideoBackground,
    cover,
    open_background,
)
from instmatt_video.live.capture import Capture
from instmatt_video.live.view_choice import VIEWS, ViewChoice
from instmatt_video.live.views import draw_lines, draw_view
from instmatt_video.rendering.preview import color_of_track
from tests.live.made_live import MadeSource, live_frame, person, write_standing_clip
from tests.synthetic_clip import SIZE

HALF = np.full((8, 8), 0.5)
WHOLE = np.ones((16, 8))


def picture() -> np.ndarray:
    image = np.full((48, 64, 3), 100, np.uint8)
    image[10:26, 8:16] = (200, 40, 40)
    image[20:28, 40:48] = 150  # half of 200 over 100
    return image


FRAME = live_frame(picture(), [person(1, 8, 10, WHOLE), person(3, 40, 20, HALF)])


@pytest.mark.parametrize("view", VIEWS)
def test_nobody(view: str) -> None:
    empty = live_frame(picture(), [])
    wall = np.full((48, 64, 3), 7, np.uint8)
    expected = {"mattes": np.zeros_like(wall), "cutout": wall}.get(view, picture())
    assert np.array_equal(draw_view(empty, ViewChoice(view), wall), expected)


def test_the_source_is_the_source() -> None:
    assert draw_view(FRAME, ViewChoice("source"), None) is FRAME.frame.image


def test_mattes_are_alpha_in_grey() -> None:
    mattes = draw_view(FRAME, ViewChoice("mattes"), None)
    expected = np.zeros((48, 64), np.uint8)
    expected[10:26, 8:16], expected[20:28, 40:48] = 255, 128
    assert np.array_equal(mattes, np.dstack([expected] * 3))


def test_a_cut_out_shows_people_in_their_colour_over_the_background() -> None:
    green = np.full((48, 64, 3), (0, 200, 0), np.uint8)
    out = draw_view(FRAME, ViewChoice("cutout"), green).astype(int)
    assert np.array_equal(out[12:24, 10:14], np.broadcast_to((200, 40, 40), (12, 4, 3)))
    outside = np.ones((48, 64), bool)
    outside[10:26, 8:16] = outside[20:28, 40:48] = False
    assert (out[outside] == (0, 200, 0)).all()
    # Half a person: half of the green is left, and the wall's grey is gone from the other half.
    assert 90 <= out[24, 44, 0] <= 110 and 190 <= out[24, 44, 1] <= 210


def test_one_person_alone_and_one_hidden() -> None:
    for choice in (ViewChoice("mattes", solo=1), ViewChoice("mattes", hidden=frozenset({3}))):
        mattes = draw_view(FRAME, choice, None)
        assert mattes[12, 10, 0] == 255
        assert not mattes[20:28, 40:48].any()


def test_tinted_people_bear_the_colour_of_their_number() -> None:
    tinted = draw_view(FRAME, ViewChoice("tinted"), None)
    mixed = (np.array((150, 150, 150)) * 0.75 + np.array(color_of_track(3)) * 0.25).round()
    assert np.abs(tinted[23, 43] - mixed).max() <= 2
    alone = draw_view(FRAME, ViewChoice("tinted", solo=1), None)
    assert np.array_equal(alone[20:28, 40:48], picture()[20:28, 40:48])


def test_lines_change_the_foot_of_a_copy_only() -> None:
    image = np.full((360, 640, 3), 90, np.uint8)
    out = draw_lines(image, ["12.0 fps", "step 1/8"])
    assert (image == 90).all()
    assert (out[:300] == 90).all()
    assert (out[-5:, -5:] == 30).all()
    assert out[300:].max() > 200


@pytest.mark.parametrize(
    ("text", "color"),
    [
        ("#00b140", (0, 177, 64)),
        ("#FFFFFF", (255, 255, 255)),
        ("Green", (0, 177, 64)),
        ("gray", (128, 128, 128)),
        ("#12345", None),
        ("no colour", None),
        ("#00b140\n", None),
    ],
)
def test_colors(text: str, color: tuple[int, int, int] | None) -> None:
    assert parse_color(text) == color


def test_a_background_covers_the_frame_without_distortion() -> None:
    image = np.zeros((40, 200, 3), np.uint8)
    image[:, 80:120] = 255  # a square in the middle
    assert (cover(image, 20, 20) == 255).all()
    assert cover(image, 64, 36).shape == (36, 64, 3)


def test_a_person_leaves_no_halo_in_the_blurred_background() -> None:
    image = np.full((96, 128, 3), 60, np.uint8)
    image[24:72, 40:80] = 250
    frame = live_frame(image, [person(1, 40, 24, np.ones((48, 40)))])
    blurred = BlurredBackground().picture(frame)
    assert blurred.shape == image.shape
    assert np.abs(blurred.astype(int) - 60).max() <= 2


def test_backgrounds_from_files(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    image = np.full((30, 40, 3), (255, 128, 0), np.uint8)
    cv2.imwrite(str(tmp_path / "sun.png"), image[..., ::-1])
    clip = write_standing_clip(tmp_path / "film.mp4", frames=4)
    frame = live_frame(np.zeros((48, 64, 3), np.uint8), [])
    chosen = Backgrounds([str(tmp_path / "sun.png"), str(clip), "#010203"], 64, 48)
    assert not caplog.messages
    try:
        assert (chosen.picture(str(tmp_path / "sun.png"), frame) == (255, 128, 0)).all()
        assert (chosen.picture("#010203", frame) == (1, 2, 3)).all()
        assert (chosen.picture("#040506", frame) == (4, 5, 6)).all()
        assert chosen.picture(str(clip), frame).shape == (48, 64, 3)
        assert chosen.names[0] == str(tmp_path / "sun.png")
        # A page may ask for colours and for what was given at the start, not for other files.
        assert chosen.knows("#ffffff") and chosen.knows(str(clip))
        assert not chosen.knows("/etc/hostname")
        with pytest.raises(ValueError, match="background must be"):
            chosen.picture("/etc/hostname", frame)
    finally:
        chosen.close()


def test_a_background_video_that_breaks_keeps_its_last_picture(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken = partial(Capture, open_spec=lambda spec: MadeSource([9], is_lost=True, size=48))
    monkeypatch.setattr(backgrounds, "Capture", broken)
    frame = live_frame(np.zeros((48, 48, 3), np.uint8), [])
    video, before = VideoBackground("film.mp4", 48, 48), threading.active_count()
    assert (video.picture(frame) == 9).all()
    while threading.active_count() > before:  # until it has broken
        time.sleep(0.01)
    assert (video.picture(frame) == 9).all() and (video.picture(frame) == 9).all()
    assert caplog.text.count("the cable is out; its last picture stays") == 1
    video.close()


def test_a_background_video_plays_once_it_is_shown(tmp_path: Path) -> None:
    clip, before = write_standing_clip(tmp_path / "film.mp4", frames=4), threading.active_count()
    video = VideoBackground(str(clip), 64, 48)
    assert threading.active_count() == before
    assert video.picture(live_frame(np.zeros((48, 64, 3), np.uint8), [])).any()
    assert threading.active_count() == before + 1
    video.close()


def test_backgrounds_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="no file and no colour"):
        open_background("beach", *SIZE)
    for name in ("text.png", "text.mp4"):
        (tmp_path / name).write_text("this is no picture")
        with pytest.raises(OptionError, match=name):
            open_background(str(tmp_path / name), *SIZE)
