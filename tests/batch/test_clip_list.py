"""Lists of clips: what a line sets, and which line is to blame."""

from __future__ import annotations

import argparse
from fractions import Fraction
from pathlib import Path

import pytest

from instmatt_video.batch.clip_list import ListColumn, columns_of, read_clip_list
from instmatt_video.errors import OptionError
from instmatt_video.job_options import add_job_options
from instmatt_video.settings import setting_defaults


@pytest.fixture(scope="module")
def columns() -> dict[str, ListColumn]:
    parser = argparse.ArgumentParser()
    add_job_options(parser)
    return columns_of(parser._option_string_actions, setting_defaults())


def read(tmp_path: Path, name: str, text: str, columns: dict[str, ListColumn]) -> list[dict]:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return [{"clip": row.clip, **row.options} for row in read_clip_list(path, columns)]


def test_csv_columns_are_flags_or_settings(tmp_path: Path, columns: dict[str, ListColumn]) -> None:
    text = (
        "\ufeffclip,matte-size,--fps,only,rest,no-audio,output.format,out-dir\n"
        'a.mp4,256,30000/1001,"1,3",yes,true,png,day1\n'
        "\n"
        '"b, c.mp4",,,,no,0,,\n'
    )
    first, second = read(tmp_path, "l.csv", text, columns)
    assert first == {
        "clip": "a.mp4",
        "matting.matte_size": 256,
        "frame_rate": Fraction(30000, 1001),
        "output.only": (1, 3),
        "output.has_rest": True,
        "output.has_audio": False,
        "output.format": "png",
        "out_dir": Path("day1"),
    }
    off = {"output.has_rest": False, "output.has_audio": True}  # whatever holds for all clips
    assert second == {"clip": "b, c.mp4", **off}


def test_jsonl_takes_json_values(tmp_path: Path, columns: dict[str, ListColumn]) -> None:
    text = (
        '{"clip": "a.mp4", "matte-size": 256, "rest": true, "output.only": [1, 3], "fps": 25}\n'
        '\n{"clip": "b.mp4", "matting.has_refinement": false, "only": null}\n'
    )
    assert read(tmp_path, "l.jsonl", text, columns) == [
        {
            "clip": "a.mp4",
            "matting.matte_size": 256,
            "output.has_rest": True,
            "output.only": [1, 3],
            "frame_rate": Fraction(25),
        },
        {"clip": "b.mp4", "matting.has_refinement": "false"},
    ]


def test_cells_between_semicolons(tmp_path: Path, columns: dict[str, ListColumn]) -> None:
    path = tmp_path / "shots.csv"
    path.write_text("\ufeffclip;only;fps\na.mp4;1,3;25\n", encoding="utf-8")
    (row,) = read_clip_list(path, columns)
    assert (row.clip, row.options["output.only"]) == ("a.mp4", (1, 3))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        pytest.param("l.csv", "name\na.mp4\n", r"l\.csv:1: .*one of them `clip`", id="no clip"),
        pytest.param(
            "l.csv",
            "clip,mate-size\n",
            r"l\.csv:1: there is no option 'mate-size'; is 'matte-size' meant\?",
            id="misspelt column",
        ),
        pytest.param(
            "l.csv", "clip,json\na,1\n", r":1: there is no option 'json'", id="not a job's"
        ),
        pytest.param("l.csv", "clip,fps,fps\n", r":1: there are two columns 'fps'", id="twice"),
        pytest.param("l.csv", "clip\na.mp4\nb.mp4,1\n", r":3: 2 cells for 1 columns", id="cells"),
        pytest.param("l.csv", "clip,rest\n,yes\n", r":2: no `clip` is named", id="empty clip"),
        pytest.param(
            "l.csv", "clip,rest\na,maybe\n", r":2: rest: 'maybe' is neither true nor", id="truth"
        ),
        pytest.param("l.csv", "clip,fps\na,fast\n", r":2: fps: 'fast' is no frame rate", id="rate"),
        pytest.param("l.csv", "clip,only\na,one\n", r":2: only: 'one' is no list", id="numbers"),
        pytest.param(
            "l.csv", "clip,matte-size\na,big\n", r"matte-size: 'big' is no whole", id="number"
        ),
        pytest.param(
            "l.csv",
            "clip,format,output.format\na,png,exr\n",
            r":2: output\.format is given twice",
            id="flag and setting",
        ),
        pytest.param("l.csv", "clip\n", r"l\.csv: the list names no clip", id="empty list"),
        pytest.param("l.jsonl", '{"clip": "a"}\n{clip}\n', r":2: no JSON", id="no JSON"),
        pytest.param("l.csv", "clip\n" + "a" * 200_000, r"l\.csv is no CSV: field", id="cell"),
        pytest.param("l.jsonl", "[" * 100_000, r":1: no JSON: maximum recursion", id="depth"),
        pytest.param("l.jsonl", "9" * 5_000, r":1: no JSON: Exceeds the limit", id="digits"),
        pytest.param(
            "l.jsonl", '{"clip": "a", "out-dir": ["b"]}\n', r":1: out-dir: .* one value", id="list"
        ),
        pytest.param(
            "l.jsonl", '{"clip": "a", "model": {"b": 1}}\n', r":1: model: .* one value", id="table"
        ),
        pytest.param("l.jsonl", '["a"]\n', r":1: must be an object", id="no object"),
        pytest.param(
            "l.jsonl", '{"clip": "a", "size": 3}\n', r":1: there is no option 'size'", id="key"
        ),
    ],
)
def test_the_line_to_blame_is_named(
    tmp_path: Path, columns: dict[str, ListColumn], name: str, text: str, message: str
) -> None:
    with pytest.raises(OptionError, match=message):
        read(tmp_path, name, text, columns)
