"""Sizes from headers: those that the decoder gives, without its work."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from instmatt_video.media import image_size
from instmatt_video.media.image_size import read_image_size

WIDTH, HEIGHT = 70, 33


@pytest.fixture
def never_decodes(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("the picture was decoded")

    monkeypatch.setattr(image_size, "read_pixels", fail)


@pytest.mark.usefixtures("never_decodes")
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif"])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_size_is_in_the_header(tmp_path: Path, name: str, kind: type) -> None:
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8 if name == "a.jpg" else kind)
    cv2.imwrite(str(tmp_path / name), image)
    assert read_image_size(tmp_path / name) == (WIDTH, HEIGHT)


def write_tiff(path: Path, order: str = "<", orientation: int = 1) -> Path:
    """Write a header and, behind the pixels' place, a width of 16 and a height of 32 bits."""
    head = {"<": b"II", ">": b"MM"}[order] + struct.pack(order + "HI", 42, 100)
    entries = struct.pack(order + "HHHIHH", 3, 256, 3, 1, WIDTH, 0)
    entries += struct.pack(order + "HHII", 257, 4, 1, HEIGHT)
    entries += struct.pack(order + "HHIHH", 274, 3, 1, orientation, 0)
    path.write_bytes(head.ljust(100, b"\0") + entries)
    return path


@pytest.mark.usefixtures("never_decodes")
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_tiff_of_either_byte_order(tmp_path: Path, order: str) -> None:
    assert read_image_size(write_tiff(tmp_path / "a.tif", order)) == (WIDTH, HEIGHT)


def test_a_turned_tiff_is_as_large_as_its_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upright = np.zeros((WIDTH, HEIGHT, 3), np.uint8)
    monkeypatch.setattr(image_size, "read_pixels", lambda *_: upright)
    path = write_tiff(tmp_path / "a.tif", orientation=6)
    assert read_image_size(path) == (HEIGHT, WIDTH)


@pytest.mark.parametrize("size", [3, 6, 105])
def test_a_tiff_that_is_cut_off_is_no_picture(tmp_path: Path, size: int) -> None:
    path = write_tiff(tmp_path / "a.tif")
    path.write_bytes(path.read_bytes()[:size])
    assert read_image_size(path) is None
