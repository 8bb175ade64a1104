"""Pictures with soft alphas: which files belong together, and what is told where they do not."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from instmatt_video.errors import InstMattVideoError, MatteReadError, OptionError
from instmatt_video.training.pictures.matted_pictures import find_matted, list_matted
from tests.training.made_people import write_matted_picture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with `images`, `alphas` and `fg`, each with a subset of two pictures."""
    for number, name in enumerate(("a", "b-1")):
        write_matted_picture(tmp_path, f"natural/{name}", number)
    return tmp_path


def write_list(path: Path, *lines: str) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def lists(folder: Path) -> tuple[Path, Path, Path]:
    """Return lists of all, in an order that pairs nothing by chance."""
    pictures = ["images/natural/b-1.png", "images/natural/a.png"]
    people = ["alphas/natural/a/01.png", "alphas/natural/b-1/00.png"]
    people += ["alphas/natural/b-1/01.png", "alphas/natural/a/00.png"]
    return (
        write_list(folder / "merged.txt", *pictures),
        write_list(folder / "alpha.txt", *people),
        write_list(folder / "fg.txt", *(line.replace("alphas", "fg") for line in people)),
    )


def test_folders_and_lists_name_the_same_files(folder: Path) -> None:
    found = find_matted(folder / "images", folder / "alphas")
    assert [files.image.name for files in found] == ["a.png", "b-1.png"]
    for files in found:
        people = folder / "alphas" / "natural" / files.image.stem
        assert files.alphas == (people / "00.png", people / "01.png")
        assert files.foregrounds == ()
    images, alphas, colors = lists(folder)
    assert list_matted(images, alphas) == found[::-1]
    for files in list_matted(images, alphas, colors):
        names = [Path(str(p).replace("/alphas/", "/fg/")) for p in files.alphas]
        assert list(files.foregrounds) == names


def test_lists_may_begin_with_the_mark_of_windows_editors(folder: Path) -> None:
    paths = lists(folder)
    expected = list_matted(*paths)
    for path in paths:
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert list_matted(*paths) == expected


def test_without_subsets(folder: Path) -> None:
    (only, _) = find_matted(folder / "images" / "natural", folder / "alphas" / "natural")
    assert only.image == folder / "images" / "natural" / "a.png" and len(only.alphas) == 2


def test_a_picture_is_read_as_it_was_written(folder: Path) -> None:
    (_, files) = list_matted(*lists(folder))
    picture = files.read()
    assert picture.image.shape == (120, 160, 3) and picture.alphas.shape == (2, 120, 160)
    assert picture.foregrounds is not None and picture.foregrounds.shape == (2, 120, 160, 3)
    alphas = picture.alphas / np.float64(65535 if picture.alphas.dtype == np.uint16 else 255)
    covered = (alphas[..., None] * picture.foregrounds).sum(0)
    rest = picture.image - covered
    assert rest.min() > -1 and (rest <= 255 * (1 - alphas.sum(0))[..., None] + 1).all()


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        pytest.param("images/natural/a.png", "natural/a has no picture in", id="a picture"),
        pytest.param("alphas/natural/a", "no alphas of .*a.png", id="its alphas"),
        pytest.param("alphas/natural/a/*", "no alphas of .*a.png", id="all of them"),
        pytest.param("alphas", "no such folder of alphas", id="all alphas"),
        pytest.param("images", "no such folder of pictures", id="all pictures"),
    ],
)
def test_what_is_missing_in_folders_is_named(folder: Path, lost: str, words: str) -> None:
    for path in sorted(folder.glob(lost)):
        path.rename(folder / f"lost-{path.name}")
    with pytest.raises(InstMattVideoError, match=words):
        find_matted(folder / "images", folder / "alphas")


@pytest.mark.parametrize(
    ("name", "line", "words"),
    [
        pytest.param("merged", "images/natural/c.png", "c.png, which is not there", id="no file"),
        pytest.param("merged", "images/natural/a.png", "two pictures a", id="a picture twice"),
        pytest.param("merged", "fg/natural/a/00.png", "no alphas of .*00.png", id="no alphas"),
        pytest.param("alpha", "images/natural/a.png", "no picture natural", id="no picture"),
        pytest.param("fg", "images/../fg/natural/a/00.png", "other people of", id="other people"),
    ],
)
def test_what_does_not_fit_in_lists_is_named(
    folder: Path, name: str, line: str, words: str
) -> None:
    images, alphas, colors = lists(folder)
    with (folder / f"{name}.txt").open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(OptionError, match=words):
        list_matted(images, alphas, colors)


def test_no_list(folder: Path) -> None:
    with pytest.raises(OptionError, match=r"nowhere cannot be read: No such file"):
        list_matted(folder / "nowhere", folder / "alphas")
    (folder / "merged.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(OptionError, match=r"merged.txt is no list of files"):
        list_matted(folder / "merged.txt", folder / "merged.txt")


def test_a_file_of_another_size_is_named(folder: Path) -> None:
    small = np.zeros((9, 9, 3), np.uint8)
    *_, files = list_matted(*lists(folder))
    cv2.imwrite(str(files.foregrounds[1]), small)
    with pytest.raises(MatteReadError, match=r"fg/natural/a/01.png is not of the size of .*a.png"):
        files.read()
    cv2.imwrite(str(files.alphas[1]), small)
    with pytest.raises(MatteReadError, match=r"alphas/natural/a/01.png is 9x9"):
        files.read()


@pytest.mark.parametrize(
    ("overlap", "is_refused"),
    [
        pytest.param(0, False, id="apart"),
        pytest.param(1, False, id="one row of 120: less than a percent"),
        pytest.param(2, True, id="two rows"),
    ],
)
def test_whole_layers_are_no_visible_alphas(folder: Path, overlap: int, is_refused: bool) -> None:
    (_, files) = list_matted(*lists(folder))
    for index, path in enumerate(files.alphas):  # the upper and the lower half, as soft as 0.6
        alpha = np.zeros((120, 160), np.uint8)
        alpha[60 * index : 60 * (index + 1) + (1 - index) * overlap] = 153
        cv2.imwrite(str(path), alpha)
    if is_refused:
        with pytest.raises(MatteReadError, match=r"natural/a: its alphas add up to more than 1"):
            files.read()
    else:
        assert files.read().alphas.max() == 153
