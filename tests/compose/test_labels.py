"""Names in a sheet's cells."""

from __future__ import annotations

from pathlib import Path

import cv2

from instmatt_video.compose.labels import write_label
from instmatt_video.compose.material import PersonStream


def width_of(name: str, cell: tuple[int, int], folder: Path) -> int:
    person = PersonStream(1, name, folder / "person_01.mov", 0, 9)
    picture = cv2.imread(str(write_label(folder / "label.png", person, cell)))
    assert picture is not None
    return int(picture.shape[1])


def test_a_long_name_ends_where_its_cell_does(tmp_path: Path) -> None:
    cell = (304, 540)  # of a portrait clip
    name = "Anna-Katharina, second waitress from the left"
    assert width_of(name, (2000, 540), tmp_path) > 304
    assert 250 < width_of(name, cell, tmp_path) <= 304
    assert width_of("Anna", cell, tmp_path) == width_of("Anna", (2000, 540), tmp_path)


def test_no_cell_is_too_narrow_for_a_letter(tmp_path: Path) -> None:
    assert 0 < width_of("Anna", (8, 540), tmp_path) < width_of("Anna", (304, 540), tmp_path)
