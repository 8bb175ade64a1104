"""Who is held out of a training."""

from __future__ import annotations

from instmatt_video.training.pictures.held_out import hide_photos, hold_out, read_split

OWN = [f"me_{k:02}.png" for k in range(50)]
PLACES = [f"place_{k}.jpg" for k in range(3)]


def test_of_our_pictures_those_of_the_lists() -> None:
    people, places = (
        read_split("matting_val_cutouts")[:6],
        read_split("matting_val_backgrounds")[:5],
    )
    assert hold_out([*OWN, *people], [*PLACES, *places]) == (people, places)


def test_of_own_pictures_every_tenth_in_order_of_names() -> None:
    tenth = ["me_00.png", "me_10.png", "me_20.png", "me_30.png", "me_40.png"]
    assert hold_out(OWN[::-1], PLACES) == (tenth, PLACES[:1])


def test_a_name_or_two_of_the_lists_are_chance() -> None:
    own = sorted([*OWN, *read_split("matting_val_photo_people")[:1]])
    places = sorted([*PLACES, *read_split("matting_val_backgrounds")[:1]])
    assert hold_out(own, places) == (own[::10], places[::10])


def test_our_people_before_own_places_and_own_people_before_ours() -> None:
    people, places = read_split("matting_val_cutouts")[:5], read_split("matting_val_backgrounds")
    assert hold_out([*OWN, *people], PLACES) == (people, PLACES[:1])
    assert hold_out(OWN, [*PLACES, *places]) == (OWN[::10], places)


def test_who_is_listed_is_never_trained_on_even_where_none_can_be_shown() -> None:
    people, places = read_split("matting_val_cutouts"), read_split("matting_val_backgrounds")
    assert hold_out(people, PLACES[:1]) == (people, [])
    assert hold_out(OWN[:49], places) == ([], places)


def test_photos_of_who_is_held_out_are_hidden() -> None:
    listed = {
        name.removesuffix(".webp").rpartition("_")[0]
        for name in read_split("matting_val_photo_people")
    }
    assert {"fullbody_0050", "person_instances_000000352259"} < listed
    assert hide_photos([], []) == listed
    photos = ["street_anna", "street_bea", "me_1"]
    assert hide_photos(["street_anna_1.webp", "me_1.png"], photos) == {*listed, "street_anna"}


def test_too_few_to_spare_any() -> None:
    assert hold_out(OWN[:49], PLACES) == ([], [])
    assert hold_out(OWN, PLACES[:1]) == ([], [])
    assert hold_out([], []) == ([], [])
