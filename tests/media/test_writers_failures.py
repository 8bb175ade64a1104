"""What a stream leaves when something fails: nothing, and a message that names it."""

from __future__ import annotations

import errno
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from instmatt_video.errors import AlphaWriteError, OptionError
from instmatt_video.media.alpha_stream import AlphaStream
from instmatt_video.media.formats import FORMATS, FormatSpec, check_format, open_alpha_stream
from instmatt_video.media.frame import ColorTags
from instmatt_video.media.layer import Layer
from tests.media.made_faults import lose_encoder
from tests.media.made_layers import (
    INFO,
    coming_and_going,
    soft_layer,
    write_stream,
)

Maker = Callable[..., Path]


def test_nothing_has_the_final_name_before_the_end(spec: FormatSpec, tmp_path: Path) -> None:
    path = tmp_path / f"person_01{spec.extension}"
    with open_alpha_stream(spec.name, path, INFO) as stream:
        for k in range(5):
            stream.write(k * 1001 * INFO.time_base, soft_layer(k))
        assert not path.exists()
        assert stream.partial_path.exists()
    assert path.exists()
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_crash_leaves_nothing(spec: FormatSpec, tmp_path: Path) -> None:
    path = tmp_path / f"person_01{spec.extension}"
    with pytest.raises(KeyError), open_alpha_stream(spec.name, path, INFO) as stream:
        stream.write(Fraction(0), soft_layer())
        raise KeyError("crash")
    assert list(tmp_path.iterdir()) == []


def test_a_killed_writer_leaves_no_final_name(spec: FormatSpec, tmp_path: Path) -> None:
    path = tmp_path / f"person_01{spec.extension}"
    script = f"""
        import os, signal
        from fractions import Fraction
        import numpy as np
        from instmatt_video.media.formats import open_alpha_stream
        from instmatt_video.media.frame import ClipInfo
        from instmatt_video.media.layer import Layer
        info = ClipInfo("clip", None, 160, 96, Fraction(25), Fraction(1, 25))
        stream = open_alpha_stream({spec.name!r}, {str(path)!r}, info)
        layer = Layer(9, 9, np.full((40, 40), 0.5, np.float32), np.zeros((40, 40, 3), np.uint8))
        for k in range(10):
            stream.write(Fraction(k, 25), layer)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    repository = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], cwd=repository, check=False)
    assert not path.exists()
    # The next run writes over what was left, and cleans up.
    write_stream(spec, tmp_path, coming_and_going())
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_full_disk_is_named_and_leaves_nothing(
    spec: FormatSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"person_01{spec.extension}"
    stream = open_alpha_stream(spec.name, path, INFO)
    stream.write(Fraction(0), soft_layer())

    def fail(tick: int, layer: Layer | None) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(stream, "_write", fail)
    with pytest.raises(AlphaWriteError, match="the disk is full") as raised, stream:
        stream.write(INFO.time_base, soft_layer())
    assert raised.value.exit_status == 7
    assert str(path) in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_really_stops_taking_bytes(tmp_path: Path) -> None:
    script = """
        import resource, signal, sys
        from fractions import Fraction
        import numpy as np
        from instmatt_video.errors import AlphaWriteError
        from instmatt_video.media.formats import open_alpha_stream
        from instmatt_video.media.frame import ClipInfo
        from instmatt_video.media.layer import Layer
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
        info = ClipInfo("clip", None, 320, 240, Fraction(25), Fraction(1, 25))
        noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
        try:
            with open_alpha_stream("prores4444", sys.argv[1], info) as stream:
                for k in range(20):
                    alpha = np.ones((240, 320), np.float32)
                    stream.write(Fraction(k, 25), Layer(0, 0, alpha, noise))
        except AlphaWriteError as error:
            print(error)
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "person_01.mov")],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "person_01.mov: cannot be written: File too large" in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_place_is_named(spec: FormatSpec, tmp_path: Path) -> None:
    path = tmp_path / "absent" / f"person_01{spec.extension}"
    with pytest.raises(AlphaWriteError, match="No such file or directory"):
        open_alpha_stream(spec.name, path, INFO)


def verification_fails(stream: AlphaStream, words: str) -> None:
    with pytest.raises(AlphaWriteError, match=words):
        stream.close()
    assert not stream.path.exists()
    assert not stream.partial_path.exists()


def test_a_missing_encoder_is_named_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_encoder(monkeypatch, "prores_ks")
    with pytest.raises(AlphaWriteError, match=r"a\.mov: cannot be written: .* encoder prores_ks"):
        open_alpha_stream("prores4444", tmp_path / "a.mov", INFO)
    assert list(tmp_path.iterdir()) == []


def test_a_lost_frame_is_found(spec: FormatSpec, tmp_path: Path) -> None:
    stream = open_alpha_stream(spec.name, tmp_path / f"person_01{spec.extension}", INFO)
    for k in range(4):
        stream.write(k * 1001 * INFO.time_base, soft_layer())
    stream._ticks.append(4 * 1001)  # as if a frame had been handed over and got lost
    verification_fails(stream, "read back")


def test_a_wrong_matte_is_found(spec: FormatSpec, tmp_path: Path) -> None:
    stream = open_alpha_stream(spec.name, tmp_path / f"person_01{spec.extension}", INFO)
    write = stream._write
    stream._write = lambda tick, layer: write(tick, None)  # type: ignore[method-assign]
    stream.write(Fraction(0), soft_layer())
    stream.write(1001 * INFO.time_base, soft_layer())
    verification_fails(stream, "the alpha of frame 0 reads back wrong")


def test_a_frame_at_the_wrong_time_is_found(tmp_path: Path) -> None:
    stream = open_alpha_stream("prores4444", tmp_path / "person_01.mov", INFO)
    for k in range(4):
        stream.write(k * 1001 * INFO.time_base, soft_layer())
    stream._ticks[2] += 1
    verification_fails(stream, "frame 2 reads back at")


def test_a_stream_without_frames_is_no_file(spec: FormatSpec, tmp_path: Path) -> None:
    stream = open_alpha_stream(spec.name, tmp_path / f"person_01{spec.extension}", INFO)
    verification_fails(stream, "no frame was written")


@pytest.mark.parametrize(
    ("format", "name", "quality", "words"),
    [
        ("prores", "a.mov", None, "choose one of prores4444, matte-ffv1"),
        ("prores4444", "a.mp4", None, r"prores4444 is written to \.mov files"),
        ("webm", "a.mov", None, r"webm is written to \.webm files"),
        ("prores4444", "a.mov", 65, r"quality of prores4444 must be 1\.\.64, got 65"),
        ("matte-ffv1", "a.mkv", 3, "has no quality to choose"),
        ("matte-mp4", "a.mp4", 20, r"must be 0\.\.12"),
    ],
)
def test_impossible_options_are_refused_before_the_work(
    tmp_path: Path, format: str, name: str, quality: int | None, words: str
) -> None:
    with pytest.raises(OptionError, match=words) as raised:
        open_alpha_stream(format, tmp_path / name, INFO, quality=quality)
    assert raised.value.exit_status == 2
    assert list(tmp_path.iterdir()) == []


def test_clips_that_a_format_cannot_hold_are_refused() -> None:
    with pytest.raises(OptionError, match="choose prores4444, matte-ffv1 or png"):
        check_format("matte-mp4", replace(INFO, width=20000))
    pytest.importorskip("OpenEXR")
    with pytest.raises(OptionError, match="no linear form"):
        check_format("exr", replace(INFO, color=ColorTags(transfer="smpte2084")))


def test_exr_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("instmatt_video.extras.find_spec", lambda name: None)
    with pytest.raises(OptionError, match="instmatt-video\\[exr\\]"):
        check_format("exr")


def test_a_folder_with_other_things_in_it_is_not_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "person_01"
    folder.mkdir()
    (folder / "thesis.txt").write_text("precious")
    with pytest.raises(AlphaWriteError, match=r"other files \(thesis.txt\)"):
        write_stream(FORMATS["png"], tmp_path, [soft_layer()])
    assert (folder / "thesis.txt").read_text() == "precious"


def test_pictures_keep_the_sources_numbers(tmp_path: Path) -> None:
    info = replace(INFO, first_frame_number=1001)
    path = write_stream(FORMATS["png"], tmp_path, [soft_layer(), None], info)
    assert sorted(p.name for p in path.iterdir()) == ["001001.png", "001002.png"]
