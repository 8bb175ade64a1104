"""A short clip of two people, made from one photograph of an astronaut.

Knows where her outline runs; needs no network.
"""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
import numpy.typing as npt

from .astronaut import load_astronaut
from .errors import AlphaWriteError
from .matting.foreground import estimate_foreground
from .media.av_errors import describe_av_error
from .media.file_url import file_url
from .media.made_sound import SAMPLE_RATE_HZ, add_sound_stream, encode_sound
from .media.video_writer import VideoWriter

EightBit = npt.NDArray[np.uint8]
FloatImage = npt.NDArray[np.float32]

WIDTH, HEIGHT = 640, 360
FRAME_RATE = 25
NUM_FRAMES = 75
LOWER_EDGE_PX = HEIGHT + 135
"""Of the cut-outs: the helmet she holds stays below the frame, for detectors take it for a head."""

# Her outline in the photograph, 512 × 512 px, drawn by hand to a few pixels; grabCut does the rest.
_OUTLINE = (
    (154, 75), (159, 50), (180, 31), (210, 18), (250, 18), (280, 35), (296, 58), (302, 90),
    (295, 112), (279, 134), (268, 140), (258, 172), (280, 190), (298, 216), (304, 239), (325, 250),
    (345, 272), (356, 305), (362, 345), (395, 344), (430, 352), (461, 372), (482, 402), (494, 435),
    (495, 452), (504, 465), (510, 500), (511, 520), (90, 520), (50, 502), (30, 480), (24, 435),
    (19, 395), (24, 345), (36, 300), (55, 268), (82, 235), (112, 210), (116, 188), (128, 165),
    (150, 151), (183, 148), (181, 131), (165, 118), (155, 95),
)  # fmt: skip
_SURE_INSIDE_PX = 7
_SURE_OUTSIDE_PX = 5
_EDGE_SIGMA_PX = 1.0
_SUIT_TOP_PX = 195
"""First row without skin, which is nearly as orange as the suit."""

_BACKGROUND_SIGMAS_PX = (90, 40, 18)
_BLUR_SCALE = 4
_GRAIN = 1.5


@dataclass(frozen=True)
class _Actor:
    """One of the two: her cut-out, and how she moves."""

    foreground: EightBit
    """`(h, w, 3)` straight RGB at the size of the clip."""
    alpha: FloatImage
    """`(h, w)`"""
    start_x: float
    """Of her middle, as a share of the frame's width; where she is at first and at last."""
    reach_x: float
    """Of her middle at the clip's half, when the two are closest."""
    sway_deg: float
    tone_hz: float

    def position(self, t: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return where her middle is at `t` in 0..1, as a share of the frame's width."""
        nearness = np.sin(np.pi * np.asarray(t, np.float64)) ** 2
        return np.asarray(self.start_x + (self.reach_x - self.start_x) * nearness)


def make_demo_clip(path: Path) -> None:
    """Write a clip of 3 s, 640 × 360, 25 frames/s, H.264 with stereo sound.

    Two people walk up to each other until one stands half before the other, and part again; the
    camera pans and closes in. The same pictures come out each time.

    Raises:
        OptionError: scikit-image is not installed.
        AlphaWriteError: The file cannot be written.
    """
    photograph = load_astronaut("the demo clip")
    alpha = _cut_out(photograph)
    actors = _cast(photograph, alpha)
    background = _background(photograph, alpha)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".demo-", dir=path.parent) as folder:
            silent = Path(folder) / "silent.mp4"
            with VideoWriter(silent, WIDTH, HEIGHT, Fraction(FRAME_RATE), quality=16) as writer:
                for index, picture in enumerate(_pictures(background, actors)):
                    writer.write(Fraction(index, FRAME_RATE), picture)
            whole = Path(folder) / "whole.mp4"
            _add_sound(silent, whole, _sound(actors))
            os.replace(whole, path)
    except (av.FFmpegError, OSError) as error:
        raise AlphaWriteError(f"{path}: cannot be written: {describe_av_error(error)}") from error


def _cut_out(photograph: EightBit) -> FloatImage:
    """Return her alpha, `(512, 512)`, with an edge about two pixels soft."""
    inside = np.zeros(photograph.shape[:2], np.uint8)
    cv2.fillPoly(inside, [np.array(_OUTLINE, np.int32)], 1)
    # Beyond the photograph's lower edge she goes on.
    sure = cv2.erode(inside, _disc(_SURE_INSIDE_PX), borderType=cv2.BORDER_REPLICATE)
    possible = cv2.dilate(inside, _disc(_SURE_OUTSIDE_PX))
    labels = np.full(inside.shape, cv2.GC_BGD, np.uint8)
    labels[possible > 0] = cv2.GC_PR_BGD
    labels[inside > 0] = cv2.GC_PR_FGD
    labels[sure > 0] = cv2.GC_FGD
    cv2.setRNGSeed(0)  # grabCut clusters colours from random beginnings
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(
        np.ascontiguousarray(photograph[..., ::-1]), labels, None, *models, 2, cv2.GC_INIT_WITH_MASK
    )
    is_person = (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
    return np.asarray(
        cv2.GaussianBlur(is_person.astype(np.float32), (0, 0), _EDGE_SIGMA_PX), np.float32
    )


def _disc(radius_px: int) -> EightBit:
    side = 2 * radius_px + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)


def _cast(photograph: EightBit, alpha: FloatImage) -> tuple[_Actor, _Actor]:
    """Return the two, the farther first."""
    foreground = cast(EightBit, estimate_foreground(photograph, alpha))
    in_blue = _with_blue_suit(foreground)
    return (
        _Actor(
            *_scaled(in_blue[:, ::-1], alpha[:, ::-1], 0.72),
            start_x=0.72,
            reach_x=0.595,
            sway_deg=-1.5,
            tone_hz=277.18,
        ),
        _Actor(
            *_scaled(foreground, alpha, 0.78),
            start_x=0.30,
            reach_x=0.47,
            sway_deg=1.5,
            tone_hz=220.0,
        ),
    )


def _with_blue_suit(image: EightBit) -> EightBit:
    """Return the picture with orange turned to blue below the chin: two people, not one twice."""
    red, blue = image[..., 0].astype(np.float32), image[..., 2].astype(np.float32)
    weight = np.clip((red - blue - 30) / 60, 0, 1)
    weight[:_SUIT_TOP_PX] = 0
    mixed = image + (image[..., ::-1].astype(np.float32) - image) * weight[..., None]
    return np.rint(mixed).astype(np.uint8)


def _scaled(foreground: EightBit, alpha: FloatImage, scale: float) -> tuple[EightBit, FloatImage]:
    size = (round(alpha.shape[1] * scale), round(alpha.shape[0] * scale))
    pair = (np.ascontiguousarray(part) for part in (foreground, alpha))
    small = [cv2.resize(part, size, interpolation=cv2.INTER_AREA) for part in pair]
    return np.asarray(small[0], np.uint8), np.asarray(small[1], np.float32)


def _background(photograph: EightBit, alpha: FloatImage) -> EightBit:
    """Return the photograph without her, out of focus, most of all in her place."""
    weight = 1 - np.asarray(cv2.dilate(alpha, _disc(_SURE_OUTSIDE_PX)), np.float32)[..., None]
    # Wide blurs are sixteen times as fast at a quarter of the size, and look the same.
    small_weight = _shrunk(weight)[..., None]
    small_colors = _shrunk(photograph * weight)
    result = np.full(small_colors.shape, 128, np.float32)
    for sigma_px in _BACKGROUND_SIGMAS_PX:
        sigma = sigma_px / _BLUR_SCALE
        seen = cv2.GaussianBlur(small_weight, (0, 0), sigma)[..., None]
        colors = cv2.GaussianBlur(small_colors, (0, 0), sigma)
        result += (colors / np.maximum(seen, 1e-6) - result) * np.clip(4 * seen, 0, 1)
    whole = cv2.resize(result, weight.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.rint(whole).clip(0, 255), np.uint8)


def _shrunk(image: FloatImage) -> FloatImage:
    size = (image.shape[1] // _BLUR_SCALE, image.shape[0] // _BLUR_SCALE)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)


def _pictures(background: EightBit, actors: tuple[_Actor, ...]) -> Iterator[EightBit]:
    grain = np.random.default_rng(0)
    for index in range(NUM_FRAMES):
        t = index / (NUM_FRAMES - 1)
        picture = _view(background, t)
        for actor in actors:
            picture = _draw(picture, actor, t)
        picture += grain.normal(0, _GRAIN, (HEIGHT, WIDTH, 1))
        yield np.rint(picture).clip(0, 255).astype(np.uint8)


def _view(background: EightBit, t: float) -> FloatImage:
    """Return what the camera sees of the background: a pan to the right that closes in."""
    height, width = background.shape[:2]
    zoom = 1.5 + 0.15 * t
    left = (width - WIDTH / zoom) * (0.2 + 0.6 * t)
    top = (height - HEIGHT / zoom) * 0.35
    to_background = np.array([[1 / zoom, 0, left], [0, 1 / zoom, top]])
    return _warped(background, to_background)


def _draw(picture: FloatImage, actor: _Actor, t: float) -> FloatImage:
    """Return the picture with her in it, at her place at `t`."""
    height, width = actor.alpha.shape
    steps = math.sin(2 * math.pi * 4 * t)
    angle = math.radians(actor.sway_deg * math.sin(2 * math.pi * 2 * t))
    middle_x, lower_y = float(actor.position(t)) * WIDTH, LOWER_EDGE_PX + 3 * steps
    cos, sin = math.cos(angle), math.sin(angle)
    turn = np.array([[cos, sin], [-sin, cos]])
    pivot = np.array([width / 2, height])
    to_cut_out = np.column_stack([turn, pivot - turn @ (middle_x, lower_y)])
    alpha = _warped(actor.alpha, to_cut_out)[..., None]
    return cast(FloatImage, picture + (_warped(actor.foreground, to_cut_out) - picture) * alpha)


def _warped(image: EightBit | FloatImage, to_image: npt.NDArray[np.float64]) -> FloatImage:
    """Return `(HEIGHT, WIDTH, …)` float32, each pixel taken where `to_image` leads."""
    warped = cv2.warpAffine(
        image.astype(np.float32),
        to_image,
        (WIDTH, HEIGHT),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
    )
    return np.asarray(warped, np.float32)


def _sound(actors: tuple[_Actor, ...]) -> FloatImage:
    """Return stereo sound `(2, samples)` in -1..1: each hums where she stands."""
    num_samples = NUM_FRAMES * SAMPLE_RATE_HZ // FRAME_RATE
    time_s = np.arange(num_samples) / SAMPLE_RATE_HZ
    t = time_s / time_s[-1]
    fade = np.clip(np.minimum(t, 1 - t) * 12, 0, 1)
    sound = np.zeros((2, num_samples))
    for actor in actors:
        place = actor.position(t)
        hum = 0.2 * fade * np.sin(2 * np.pi * actor.tone_hz * time_s)
        sound += hum * np.sqrt(np.stack([1 - place, place]))  # of equal power everywhere
    return sound.astype(np.float32)


def _add_sound(silent: Path, path: Path, sound: FloatImage) -> None:
    """Write `path`: the pictures of `silent` as they are, and sound."""
    with av.open(file_url(silent)) as source, av.open(file_url(path), "w", format="mp4") as target:
        pictures = source.streams.video[0]
        video = target.add_stream_from_template(pictures)
        audio = add_sound_stream(target)
        for packet in source.demux(pictures):
            if packet.size:
                packet.stream = video
                target.mux(packet)
        encode_sound(target, audio, sound)
