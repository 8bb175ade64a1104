"""What is not composed: impossible options, other files, faults on the way; and nothing is left."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from instmatt_video.compose.composition import compose_streams
from instmatt_video.compose.options import ComposeOptions, parse_background
from instmatt_video.errors import (
    AlphaWriteError,
    InstMattVideoError,
    OptionError,
    VideoOpenError,
)
from instmatt_video.folder_lock import writing_alone
from instmatt_video.media.source import open_source
from tests.compose.conftest import FRAMES, soft_neighbours
from tests.synthetic_clip import (
    write_clip,
)

pytestmark = pytest.mark.usefixtures("ffmpeg_program")

BLUE = (0, 71, 187)


def test_a_source_that_is_gone_is_needed_only_by_some(
    make_folder: Callable[..., Path], tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "gone.mp4", 3, has_audio=True)
    folder = make_folder("prores4444", source=clip)
    mattes = make_folder("matte-ffv1", source=clip)
    clip.unlink()
    with pytest.raises(OptionError, match=r"background source: the source .* --source FILE"):
        compose_streams(folder, tmp_path / "out.mp4")
    with pytest.raises(OptionError, match="hold no colour: the source"):
        compose_streams(mattes, tmp_path / "out.mp4", ComposeOptions(parse_background("white")))
    made = compose_streams(folder, tmp_path / "a.mp4", ComposeOptions(parse_background("white")))
    with av.open(made.path) as container:  # the sound of a stream that bears a copy
        assert len(container.streams.audio) == 1


def test_another_file_is_no_source(make_folder: Callable[..., Path], tmp_path: Path) -> None:
    other = write_clip(tmp_path / "walk.mp4", 2)
    with pytest.raises(OptionError, match="is not the file that was matted"):
        compose_streams(make_folder(), tmp_path / "out.mp4", ComposeOptions(source=other))


@pytest.mark.parametrize(
    ("key", "value"),
    [("frame_rate", "1/0"), ("frame_rate", "0"), ("frame_rate", "fast"), ("pixel_aspect", "-4/3")],
)
def test_a_manifest_that_was_edited_is_named(
    key: str, value: str, make_folder: Callable[..., Path], tmp_path: Path
) -> None:
    manifest = json.loads((make_folder() / "manifest.json").read_text())
    manifest["source"][key] = value
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(VideoOpenError, match=rf"manifest\.json: .*{key}.*'{value}' is no ratio"):
        compose_streams(tmp_path, tmp_path / "out.mp4")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("format", "foo", r"manifest\.json: format: 'foo' is none of prores4444, "),
        ("source.frame_count", 0, r"manifest\.json: source\.frame_count: .*greater than 0"),
        ("settings.output.format", "foo", "no format 'foo': choose one of prores4444, "),
    ],
)
def test_what_nothing_could_be_made_of_in_a_manifest_is_named(
    key: str, value: object, words: str, make_folder: Callable[..., Path], tmp_path: Path
) -> None:
    manifest = json.loads((make_folder() / "manifest.json").read_text())
    *sections, name = key.split(".")
    place = manifest
    for section in sections:
        place = place[section]
    place[name] = value
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InstMattVideoError, match=words):
        compose_streams(tmp_path, tmp_path / "out.mp4")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (ComposeOptions(without=(7,)), OptionError, "without: there is no stream of track 7"),
        (ComposeOptions(order=(9,)), OptionError, "order: there is no stream of track 9"),
        (ComposeOptions(quality=99), OptionError, "quality of .mp4 must be 0..51"),
        (ComposeOptions(parse_background("no/file.png")), VideoOpenError, "no such file"),
        (ComposeOptions(is_sheet=True, without=(1, 2)), OptionError, "at least one person"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    options: ComposeOptions,
    error: type[InstMattVideoError],
    message: str,
    make_folder: Callable[..., Path],
    tmp_path: Path,
) -> None:
    with pytest.raises(error, match=message):
        compose_streams(make_folder(), tmp_path / "out.mp4", options)
    assert not list(tmp_path.iterdir())


def test_an_output_is_never_one_of_its_inputs(
    make_folder: Callable[..., Path], tmp_path: Path
) -> None:
    folder = make_folder()
    for left_out in ((), (1,)):
        options = ComposeOptions(without=left_out, is_overwriting=True)
        with pytest.raises(OptionError, match="a file of the run, or one that it would be made"):
            compose_streams(folder, folder / "person_01.mov", options)
    with pytest.raises(OptionError, match=r"\.mp4 or \.mov"):
        compose_streams(folder, tmp_path / "out.avi")


def test_a_preview_is_never_replaced(make_folder: Callable[..., Path], tmp_path: Path) -> None:
    folder = soft_neighbours(tmp_path, make_folder())
    (folder / "preview.mp4").write_bytes(b"a preview")
    options = ComposeOptions(parse_background("blue"), is_overwriting=True)
    with pytest.raises(OptionError, match="a file of the run"):
        compose_streams(folder, folder / "preview.mp4", options)
    assert (folder / "preview.mp4").read_bytes() == b"a preview"


def test_a_file_that_is_there_is_replaced_only_as_asked(
    make_folder: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from instmatt_video.cli import main

    out = tmp_path / "film.mp4"
    out.write_bytes(b"dear to somebody")
    words = ["compose", str(make_folder()), "--out", str(out), "--background", "white", "--quiet"]
    assert main(words) == 2
    assert "is there already: --overwrite replaces it" in capsys.readouterr().err
    assert out.read_bytes() == b"dear to somebody"
    assert main([*words, "--overwrite"]) == 0
    assert len(list(open_source(out))) == FRAMES


def test_a_stream_that_breaks_off_leaves_nothing(
    make_folder: Callable[..., Path], tmp_path: Path
) -> None:
    folder = soft_neighbours(tmp_path, make_folder())
    (folder / "person_02.mov").write_bytes((folder / "person_02.mov").read_bytes()[:400])
    with pytest.raises(AlphaWriteError, match="ffmpeg failed with status"):
        compose_streams(folder, tmp_path / "out.mov", ComposeOptions(parse_background("blue")))
    assert not [path for path in tmp_path.iterdir() if "out" in path.name]


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a script")
@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param("", "does not read back", id="torn"),
        pytest.param("out.mov: No space left on device", "No space left on device", id="full disk"),
    ],
)
def test_a_program_that_ends_well_without_a_film_is_not_believed(
    make_folder: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: str,
    told: str,
) -> None:
    """As ffmpeg does where the disk is full at the film's end."""
    folder, program = make_folder(), tmp_path / "bin" / "ffmpeg"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\nimport sys\n"
        "out = next(word[5:] for word in sys.argv if word.endswith('.partial'))\n"
        f"open(out, 'wb').write(b'half a film')\nsys.stderr.write({words!r})\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    out = tmp_path / "out" / "out.mov"
    with pytest.raises(AlphaWriteError, match=rf"out\.mov.*{told}"):
        compose_streams(folder, out, ComposeOptions(parse_background("blue")))
    assert not list(out.parent.iterdir())


def test_a_file_that_somebody_is_writing_is_not_composed(
    make_folder: Callable[..., Path], tmp_path: Path
) -> None:
    folder, out = make_folder(), tmp_path / "out.mov"
    options = ComposeOptions(parse_background("blue"), is_overwriting=True)
    with writing_alone(out), pytest.raises(OptionError, match="is being written by another"):
        compose_streams(folder, out, options)
    assert not list(tmp_path.iterdir())
    compose_streams(folder, out, options)
    assert [path.name for path in tmp_path.iterdir()] == ["out.mov"]


def test_without_the_program_there_is_one_line_and_status_2(
    make_folder: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from instmatt_video.cli import main

    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["compose", str(make_folder()), "--out", str(tmp_path / "out.mp4")]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and "needs the ffmpeg program" in lines[0]
