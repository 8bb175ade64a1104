"""Mattes from image files: which channel says what is seen, and what is no matte."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from instmatt_video.errors import MatteReadError
from instmatt_video.media.matte_file import read_matte
from tests.evaluation.made_benchmarks import disc, write_matte


def write_grey_tiff(path: Path, grey: np.ndarray, alpha: np.ndarray) -> None:
    """Write grey and alpha, 8 bits, as `cv2.imwrite` cannot."""
    height, width = grey.shape
    data = np.dstack([grey, alpha]).tobytes()
    # Tag, type (3 short, 4 long), count, value; both depths fit into one value.
    entries = [(256, 3, 1, width), (257, 3, 1, height), (258, 3, 2, 8 | 8 << 16), (259, 3, 1, 1)]
    entries += [(262, 3, 1, 1), (273, 4, 1, 8), (277, 3, 1, 2), (278, 3, 1, height)]
    entries += [(279, 4, 1, len(data)), (338, 3, 1, 2)]
    directory = struct.pack("<H", len(entries))
    directory += b"".join(struct.pack("<HHII", *entry) for entry in entries)
    path.write_bytes(struct.pack("<2sHI", b"II", 42, 8 + len(data)) + data + directory + bytes(4))


def test_names_a_colour_picture(tmp_path: Path) -> None:
    write_matte(tmp_path / "a.png", np.random.default_rng(0).integers(0, 255, (9, 9, 3), np.uint8))
    with pytest.raises(MatteReadError, match=r"a\.png is a colour picture"):
        read_matte(tmp_path / "a.png")
    with pytest.raises(MatteReadError, match=r"b\.png: No such file"):
        read_matte(tmp_path / "b.png")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_an_opaque_alpha_channel_says_nothing(tmp_path: Path, dtype: type) -> None:
    matte = disc(20, 18).astype(dtype) * (np.iinfo(dtype).max // 255)
    opaque = np.full_like(matte, np.iinfo(dtype).max)
    write_matte(tmp_path / "grey.png", np.dstack([matte, matte, matte, opaque]))
    np.testing.assert_array_equal(read_matte(tmp_path / "grey.png"), matte)
    write_matte(tmp_path / "nobody.png", np.dstack([0 * matte] * 3 + [opaque]))
    assert not read_matte(tmp_path / "nobody.png").any()
    write_matte(tmp_path / "cut.png", np.dstack([opaque, 0 * matte, matte, opaque]))
    with pytest.raises(MatteReadError, match=r"cut\.png is a colour picture"):
        read_matte(tmp_path / "cut.png")


def test_grey_tiff_keeps_its_alpha(tmp_path: Path) -> None:
    matte = disc(20, 18)
    opaque = np.full_like(matte, 255)
    for name, layers in (("alpha", (opaque, matte)), ("opaque", (matte, opaque))):
        write_grey_tiff(tmp_path / f"{name}.tif", *layers)
        np.testing.assert_array_equal(read_matte(tmp_path / f"{name}.tif"), matte)
