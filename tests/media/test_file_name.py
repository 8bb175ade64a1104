"""Names from templates: fields, collisions, escapes."""

from __future__ import annotations

import pytest

from instmatt_video.errors import OptionError
from instmatt_video.media.file_name import render_filename, render_filenames

FIELDS = {"clip": "in", "track": 3, "name": "person", "ext": ".mov"}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{clip}/{name}_{track:02d}.{ext}", "in/person_03.mov"),
        ("{track}.{ext}", "3.mov"),
        ("shots/{clip}/{track:04d}.{ext}", "shots/in/0003.mov"),
        ("{name:->235}.{ext}", "-" * 229 + "person.mov"),
    ],
)
def test_fields_are_filled(template: str, expected: str) -> None:
    assert render_filename(template, **FIELDS) == expected  # type: ignore[arg-type]


def test_a_folder_of_pictures_has_no_trailing_dot() -> None:
    assert render_filename("{name}_{track}.{ext}", **{**FIELDS, "ext": ""}) == "person_3"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("../{track}.{ext}", "leads out"),
        ("/tmp/{track}.{ext}", "leads out"),
        ("a/../../{track}.{ext}", "leads out"),
        ("C:{track}.{ext}", "leads out"),
        ("..\\{track}.{ext}", "leads out"),
        ("{person}.{ext}", "no field 'person', there are clip, track, name, ext"),
        ("{track", "expected '}'"),
        ("{name:02d}.{ext}", "format code"),
        ("{clip.__class__}.{ext}", "no field"),
        (".{track}", "no visible name"),
        ("{track:c}.{ext}", "no visible name"),
        ("a\0{track}.{ext}", "no visible name"),
        ("{}.{ext}", "no field ''"),
        ("{track:999999999}.{ext}", "'999999999' is no width"),
        ("{track:.999999999f}.{ext}", "no width"),
        ("{name:>300}.{ext}", "'>300' is no width"),
        ("{track:{track}}.{ext}", "no width"),
        ("{track:{oops}}.{ext}", "no width"),
        ("{name:>200}{name:>200}.{ext}", "a name of 404 bytes"),
        ("é" * 130 + "/{track}.{ext}", "a name of 260 bytes"),
    ],
)
def test_bad_templates_are_refused(template: str, words: str) -> None:
    with pytest.raises(OptionError, match=words):
        render_filename(template, **FIELDS)  # type: ignore[arg-type]


def test_names_cannot_escape_either() -> None:
    name = render_filename("{clip}/{name}.{ext}", clip="../up", track=1, name="a/b\\c:d", ext="mov")
    assert name == ".._up/a_b_c_d.mov"


@pytest.mark.parametrize(
    ("template", "name", "expected"),
    [
        ("{name}.{ext}", "CON", "CON_.mov"),
        ("{name}.v1.{ext}", "lpt9", "lpt9_.v1.mov"),
        ("{name}.{ext}", "Com¹", "Com¹_.mov"),
        ("{name}/aux .{ext}", "Nul", "Nul_/aux_ .mov"),
        ("{name}.", "PRN", "PRN_"),
        ("{name}_{track}.{ext}", "con", "con_3.mov"),
        ("{name}.{ext}", "Conny", "Conny.mov"),
        ("{name}.{ext}", "com10", "com10.mov"),
    ],
)
def test_devices_of_windows_are_no_files(template: str, name: str, expected: str) -> None:
    assert render_filename(template, **{**FIELDS, "name": name}) == expected  # type: ignore[arg-type]


def test_collisions_are_refused() -> None:
    tracks = [(1, "Ann"), (2, "ann"), (3, "Bob")]
    with pytest.raises(OptionError, match="tracks 1 and 2 the same name"):
        render_filenames("{name}.{ext}", clip="in", tracks=tracks, ext="mov")
    names = render_filenames("{track}_{name}.{ext}", clip="in", tracks=tracks, ext="mov")
    assert names == {1: "1_Ann.mov", 2: "2_ann.mov", 3: "3_Bob.mov"}
    assert render_filenames("{name}.{ext}", clip="in", tracks=[], ext="mov") == {}


def test_names_that_differ_in_their_unicode_form_alone_collide() -> None:
    tracks = [(1, "Zo\u00eb"), (2, "ZOE\u0308")]
    with pytest.raises(OptionError, match="tracks 1 and 2 the same name"):
        render_filenames("{name}.{ext}", clip="in", tracks=tracks, ext="mov")
