"""The virtual camera, with a stand-in for pyvirtualcam."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from instmatt_video.errors import DeviceError, OptionError
from instmatt_video.live.meter import Figures
from instmatt_video.live.virtual_camera import VirtualCamera
from tests.live.made_live import live_frame


class StandIn:
    """A camera that remembers what it was sent."""

    device = "/dev/video9"

    def __init__(self, width: int, height: int, fps: float) -> None:
        self.format = (width, height, fps)
        self.sent: list[np.ndarray] = []
        self.is_closed = False

    def send(self, picture: np.ndarray) -> None:
        assert picture.flags.c_contiguous and picture.dtype == np.uint8
        self.sent.append(picture)

    def close(self) -> None:
        self.is_closed = True


def give_camera(monkeypatch: pytest.MonkeyPatch, make: Callable[..., StandIn]) -> None:
    """Have `make` in the place of pyvirtualcam's `Camera`."""
    package = SimpleNamespace(Camera=make, __spec__=ModuleSpec("pyvirtualcam", None))
    monkeypatch.setitem(sys.modules, "pyvirtualcam", package)


def test_pictures_are_sent_as_rgb(monkeypatch: pytest.MonkeyPatch) -> None:
    give_camera(monkeypatch, StandIn)
    camera = VirtualCamera(64, 48, 12.0)
    stand_in: Any = camera._camera
    image = np.arange(48 * 64 * 3, dtype=np.uint32).reshape(48, 64, 3).astype(np.uint8)
    camera.show(image[:, ::-1], live_frame(image, []), Figures())
    assert camera.is_open()
    camera.close()
    assert stand_in.format == (64, 48, 12.0)
    assert np.array_equal(stand_in.sent[0], image[:, ::-1])
    assert stand_in.is_closed
    assert camera.device == "/dev/video9"


def test_the_missing_extra_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    with pytest.raises(OptionError, match=r'pip install "instmatt-video\[vcam\]"'):
        VirtualCamera(64, 48, 12.0)


def test_a_machine_without_the_driver_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> StandIn:
        raise RuntimeError("No v4l2 loopback device found.\nDid you run modprobe?")

    give_camera(monkeypatch, refuse)
    with pytest.raises(DeviceError, match=r"no virtual camera can be opened: No v4l2 .* modprobe"):
        VirtualCamera(64, 48, 12.0)
