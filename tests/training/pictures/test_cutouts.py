"""Cut-outs: trimmed, premultiplied, laid at any size."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from instmatt_video.errors import OptionError
from instmatt_video.training.pictures.cutouts import (
    CutoutLibrary,
    cut_out,
    read_long_hair_names,
)
from instmatt_video.training.pictures.packs import ImagePack, Pack
from tests.training.made_people import person, write_packs, write_rgb

IDENTITY = np.eye(2, 3, dtype=np.float32)


def block(shape: tuple[int, int], rows: slice, columns: slice) -> np.ndarray:
    rgba = np.zeros((*shape, 4), np.uint8)
    rgba[..., :3] = (200, 100, 50)
    rgba[rows, columns, 3] = 255
    return rgba


def test_trimmed_to_the_person() -> None:
    cutout = cut_out("p", block((40, 60), slice(5, 30), slice(12, 22)))
    assert (cutout.height, cutout.width) == (25, 10)
    assert (cutout.levels[0][..., 3] == 255).all()


def test_colour_is_premultiplied() -> None:
    rgba = block((4, 4), slice(0, 4), slice(0, 4))
    rgba[..., 3] = 51  # a fifth
    cutout = cut_out("p", rgba)
    assert cutout.levels[0][0, 0].tolist() == [40, 20, 10, 51]


def test_levels_halve() -> None:
    cutout = cut_out("p", person(0, 400, 200))
    sizes = [level.shape[:2] for level in cutout.levels]
    for (h, w), (half_h, half_w) in itertools.pairwise(sizes):
        assert (half_h, half_w) == (h // 2, w // 2)
    assert min(sizes[-1]) < 48 <= min(sizes[-2])


@pytest.mark.parametrize(
    ("rows", "columns", "cut"),
    [
        pytest.param(slice(5, 30), slice(12, 22), set(), id="whole"),
        pytest.param(slice(5, 40), slice(12, 22), {"below"}, id="half-body"),
        pytest.param(slice(5, 30), slice(0, 22), {"left"}, id="left"),
        pytest.param(slice(5, 30), slice(12, 60), {"right"}, id="right"),
    ],
)
def test_where_the_picture_cuts_the_person_off(rows: slice, columns: slice, cut: set[str]) -> None:
    cutout = cut_out("p", block((40, 60), rows, columns))
    sides = ("below", "left", "right")
    assert {side for side in sides if getattr(cutout, f"is_cut_{side}")} == cut


def test_laid_unchanged_by_the_identity() -> None:
    rgba = person(3)
    cutout = cut_out("p", rgba)
    layer = cutout.lay(IDENTITY, (cutout.width + 5, cutout.height + 3))
    assert layer.alpha.shape == (cutout.height + 3, cutout.width + 5)
    part = np.s_[: cutout.height, : cutout.width]
    np.testing.assert_allclose(layer.alpha[part] * 255, cutout.levels[0][..., 3], atol=1e-3)
    assert not layer.alpha[cutout.height :].any() and not layer.alpha[:, cutout.width :].any()


@pytest.mark.parametrize("scale", [2.0, 0.9, 0.5, 0.3, 0.11])
def test_laid_at_any_scale_in_the_same_place(scale: float) -> None:
    cutout = cut_out("p", person(1, 320, 160))
    # The cut-out's centre goes to the canvas's centre, whatever level is taken.
    matrix = np.float32([[scale, 0, 0], [0, scale, 0]])
    matrix[:, 2] = np.array([180, 340]) - scale * np.array([cutout.width, cutout.height]) / 2
    alpha = cutout.lay(matrix, (361, 681)).alpha
    y, x = np.mgrid[:681, :361]
    centre = (alpha * x).sum() / alpha.sum(), (alpha * y).sum() / alpha.sum()
    # Pixel centres: half a pixel of the cut-out becomes half of its scale.
    assert centre == pytest.approx((180 - scale / 2, 340 - scale / 2), abs=0.35)
    full = cutout.levels[0][..., 3].sum() / 255
    assert alpha.sum() == pytest.approx(full * scale**2, rel=0.02)


def test_colour_never_exceeds_alpha() -> None:
    cutout = cut_out("p", person(2))
    layer = cutout.lay(np.float32([[0.7, 0.1, 3], [-0.1, 0.7, 9]]), (64, 96))
    assert (layer.premultiplied <= layer.alpha[..., None] + 1.5 / 255).all()


def test_pictures_that_are_no_cutouts() -> None:
    with pytest.raises(ValueError, match="grey: a cut-out needs an alpha channel"):
        cut_out("grey", np.zeros((4, 4), np.uint8))
    with pytest.raises(ValueError, match="rgb: a cut-out needs an alpha channel"):
        cut_out("rgb", np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(ValueError, match="empty: there is nobody"):
        cut_out("empty", np.zeros((4, 4, 4), np.uint8))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        pytest.param(
            lambda path: write_rgb(path, np.zeros((9, 9, 4), np.uint8)), "nobody", id="empty"
        ),
        pytest.param(lambda path: write_rgb(path, person()[..., :3]), "alpha", id="no alpha"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:60]), "read", id="torn"),
    ],
)
def test_of_a_cutout_that_is_none_the_next_is_taken(
    spoil: Callable[[Path], object],
    words: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    write_packs(tmp_path, 3, 1)
    spoil(tmp_path / "cutouts" / "rgba" / "person_1.png")
    library = CutoutLibrary(ImagePack(tmp_path / "cutouts", "rgba"))
    names = [library[k].name for k in (1, 0, 1, 2)]
    assert names == ["person_2.png", "person_0.png", "person_2.png", "person_2.png"]
    (record,) = caplog.records
    assert "person_1.png" in record.getMessage() and words in record.getMessage()


def test_library_and_long_hair(tmp_path: Path) -> None:
    write_packs(tmp_path, 3, 1)
    library = CutoutLibrary(ImagePack(tmp_path / "cutouts", "rgba"))
    assert len(library) == 3 and library[2] is library[2]
    assert library[2].is_cut_below and not library[0].is_cut_below
    some = CutoutLibrary(ImagePack(tmp_path / "cutouts", "rgba"), ["person_1.png"])
    assert len(some) == 1 and some[0].name == "person_1.png"
    assert read_long_hair_names(ImagePack(tmp_path / "cutouts")) == {"person_1.png"}
    assert read_long_hair_names(ImagePack(tmp_path / "backgrounds")) == set()


def test_an_index_of_a_spreadsheet_begins_with_a_mark(tmp_path: Path) -> None:
    (tmp_path / "index.csv").write_bytes(b"\xef\xbb\xbffile,long_hair\r\na.png,1\r\n")
    assert read_long_hair_names(Pack(tmp_path)) == {"a.png"}


@pytest.mark.parametrize(
    ("index", "words"),
    [
        pytest.param(b"name,long_hair\na.png,1\n", "has no column `file`", id="another column"),
        pytest.param(b"", "has no column `file`", id="empty"),
        pytest.param(
            "file,long_hair\nJosé.png,1\n".encode("latin-1"), "is not UTF-8", id="Latin-1"
        ),
    ],
)
def test_an_index_that_cannot_be_used_is_named(tmp_path: Path, index: bytes, words: str) -> None:
    (tmp_path / "index.csv").write_bytes(index)
    with pytest.raises(OptionError, match=rf"\Aindex\.csv of .*{tmp_path.name} {words}"):
        read_long_hair_names(Pack(tmp_path))
