"""Names of cut-outs, and the photos that they tell."""

from __future__ import annotations

from instmatt_video.training.pictures.cutout_names import name_cutout, photo_stem, stems_of_photos


def test_a_name_tells_the_photo_of_its_pack() -> None:
    photos = [("street", "an_na.jpg"), ("street", "an_na-2.jpg"), ("home", "an_na.png")]
    assert list(stems_of_photos(photos)) == ["street_an_na", "street_an_na-2", "home_an_na"]
    assert name_cutout("street_an_na", 12) == "street_an_na_12.webp"
    assert photo_stem("below/street_an_na_12.webp") == "street_an_na"


def test_photos_of_one_name_are_told_apart() -> None:
    photos = [("street", f"{name}.jpg") for name in ("anna", "b/anna", "anna-2")]
    assert list(stems_of_photos(photos)) == ["street_anna", "street_anna-2", "street_anna-2-2"]
    assert list(stems_of_photos([])) == []
