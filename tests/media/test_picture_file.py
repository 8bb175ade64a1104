"""Pixels of picture files, and of what is none that can be decoded."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np

from instmatt_video.media.picture_file import decode_pixels


def test_a_header_of_more_pixels_than_opencv_decodes_is_no_picture() -> None:
    data = cv2.imencode(".png", np.zeros((4, 6, 3), np.uint8))[1].tobytes()
    assert decode_pixels(data, cv2.IMREAD_UNCHANGED) is not None
    size = b"IHDR" + struct.pack(">II", 40_000, 40_000) + data[24:29]
    claimed = data[:12] + size + struct.pack(">I", zlib.crc32(size)) + data[33:]
    assert decode_pixels(claimed, cv2.IMREAD_UNCHANGED) is None
