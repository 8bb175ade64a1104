"""What is recorded of live use: how long it lasts, and what is left of one that fails."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from instmatt_video import MatteConfig, matte_video
from instmatt_video.compose.composition import compose_streams
from instmatt_video.compose.options import ComposeOptions, parse_background
from instmatt_video.config import OutputConfig, RunConfig
from instmatt_video.errors import AlphaWriteError, OptionError
from instmatt_video.live.recording import Recording
from instmatt_video.manifest import load_manifest
from instmatt_video.media.alpha_reader import read_alpha
from instmatt_video.media.frame import ClipInfo
from instmatt_video.media.source import open_source
from instmatt_video.media.video_stream import VideoAlphaStream
from instmatt_video.people.finder import FoundPeople
from instmatt_video.rendering import online_streams
from tests.live.made_live import made_networks
from tests.media.made_faults import reads_back_wrong
from tests.rendering.test_online_streams import seen
from tests.synthetic_clip import BoxMatter, ColorDetector, write_clip

INFO = ClipInfo("camera", None, 100, 60, Fraction(25), Fraction(1, 1000), is_variable_rate=True)
CONFIG = MatteConfig(
    output=OutputConfig(format="matte-ffv1", has_preview=False), run=RunConfig(is_online=True)
)
REPLACING = replace(CONFIG, run=RunConfig(is_online=True, is_overwriting=True))
FRAMES = 12


def record_into(folder: Path, config: MatteConfig = CONFIG) -> Recording:
    networks: Any = made_networks()
    networks.matter.device, networks.matter.precision = "cpu", "none"
    return Recording(folder, INFO, "0", config, networks)


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    return record_into(tmp_path)


def at(found: FoundPeople, time: Fraction) -> FoundPeople:
    return replace(
        found, frame=replace(found.frame, time=time), record=replace(found.record, time=time)
    )


def test_it_lasts_as_long_as_it_took_not_as_long_as_its_frames_would(
    recording: Recording,
) -> None:
    for index in range(FRAMES):  # ten frames a second of a camera that gives 25
        recording.write(at(seen(index, (1, True), confirmed={1}), Fraction(index, 10)))
    manifest = recording.close(frozenset({1}))
    assert manifest is not None
    assert manifest.source.duration_s == pytest.approx((FRAMES - 1) / 10 + 1 / 25)


def test_its_manifest_names_no_frames_to_come(recording: Recording) -> None:
    recording.write(at(seen(0, (1, True), confirmed={1}), Fraction(0)))
    manifest = recording.close(frozenset({1}))
    assert manifest is not None
    assert manifest.settings["output"]["still_frames"] == 0
    assert manifest.settings["detection"]["steady_frames"] == 0


def test_of_one_that_breaks_off_the_whole_streams_are_kept_under_names_that_tell(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the disk is full when the second person's stream is to be opened."""
    open_stream = online_streams.open_stream
    before = threading.active_count()

    def open_one(plan: Any, *rest: Any) -> Any:
        if plan.track_id == 2:
            raise AlphaWriteError("the disk is full")
        return open_stream(plan, *rest)

    monkeypatch.setattr(online_streams, "open_stream", open_one)
    with pytest.raises(AlphaWriteError, match=r"full; kept: person_01\.incomplete\.mkv"):
        for index in range(FRAMES):
            second = ((2, True),) if index > 5 else ()
            people = seen(index, (1, True), *second, confirmed={1, 2})
            recording.write(at(people, Fraction(index, 10)))
    assert recording.close(frozenset()) is None
    assert [path.name for path in recording.folder.iterdir()] == ["person_01.incomplete.mkv"]
    mattes = list(read_alpha(recording.folder / "person_01.incomplete.mkv"))
    assert 0 < len(mattes) <= 6 and all(matte.any() for matte in mattes)
    assert threading.active_count() == before


def test_one_that_fails_at_its_end_leaves_no_final_name(
    recording: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the second of three streams does not read back."""
    reads_back_wrong("person_02", monkeypatch)
    for index in range(FRAMES):
        people = seen(index, (1, True), (2, True), (3, True), confirmed={1, 2, 3})
        recording.write(at(people, Fraction(index, 10)))
    with pytest.raises(AlphaWriteError, match="reads back wrong; kept: person_01"):
        recording.close(frozenset())
    kept = sorted(recording.folder.iterdir())
    assert [path.name for path in kept] == ["person_01.incomplete.mkv", "person_03.incomplete.mkv"]
    assert sum(1 for _ in read_alpha(kept[0])) == FRAMES
    # They are this program's own, and go when another recording takes their place.
    record_into(tmp_path, REPLACING).close(frozenset())
    assert not list(recording.folder.iterdir())


def test_a_stream_that_has_its_name_already_is_told_by_it(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = VideoAlphaStream._publish

    def publish_one(stream: VideoAlphaStream) -> None:
        if stream.path.name == "person_02.mkv":
            raise AlphaWriteError("no name can be given")
        publish(stream)

    monkeypatch.setattr(VideoAlphaStream, "_publish", publish_one)
    for index in range(FRAMES):
        people = seen(index, (1, True), (2, True), confirmed={1, 2})
        recording.write(at(people, Fraction(index, 10)))
    with pytest.raises(AlphaWriteError, match=r"no name can be given; kept: person_01\.mkv$"):
        recording.close(frozenset())
    assert (recording.folder / "person_01.mkv").is_file()


def test_before_the_disk_is_full_it_ends_whole(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(index: int) -> None:
        recording.write(at(seen(index, (1, True), confirmed={1}), Fraction(index, 10)))

    write(0)
    nearly_full = SimpleNamespace(free=INFO.width * INFO.height)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: nearly_full)
    with pytest.raises(AlphaWriteError, match="the disk is nearly full"):
        write(1)
    manifest = recording.close(frozenset({1}))
    assert manifest is not None and manifest.source.frame_count == 1
    assert sum(1 for _ in read_alpha(recording.folder / "person_01.mkv")) == 1


def test_nobody_else_records_into_its_folder(recording: Recording, tmp_path: Path) -> None:
    recording.write(at(seen(0, (1, True), confirmed={1}), Fraction(0)))
    with pytest.raises(OptionError, match="by another process"):
        record_into(tmp_path, REPLACING)
    recording.write(at(seen(1, (1, True), confirmed={1}), Fraction(1, 10)))
    manifest = recording.close(frozenset({1}))
    assert manifest is not None and manifest.source.frame_count == 2
    assert sum(1 for _ in read_alpha(recording.folder / "person_01.mkv")) == 2
    assert record_into(tmp_path, REPLACING).close(frozenset()) is None


@pytest.mark.parametrize("format", ["prores4444", "matte-ffv1"])
def test_what_was_recorded_is_composed_at_its_own_times(format: str, tmp_path: Path) -> None:
    """Not at those of a file that it was captured from, of which it shows some frames."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("there is no ffmpeg program")
    output = replace(CONFIG.output, format=format)
    recording = record_into(tmp_path, replace(CONFIG, output=output))
    captured = [Fraction(ms, 1000) for ms in (0, 1280, 1770, 2920, 2960)]
    for index, time in enumerate(captured):
        recording.write(at(seen(index, (1, True), confirmed={1}), time))
    recording.close(frozenset({1}))
    folder, green = tmp_path / "camera", ComposeOptions(parse_background("green"))
    if format == "matte-ffv1":  # of which the source would be the colour
        with pytest.raises(OptionError, match="what was recorded live has no source"):
            compose_streams(folder, tmp_path / "out.mp4", green)
        return
    made = compose_streams(folder, tmp_path / "out.mp4", green)
    frames = list(open_source(made.path))
    assert [frame.time for frame in frames] == captured
    with pytest.raises(OptionError, match="what was recorded live has no source"):
        compose_streams(folder, tmp_path / "s.mp4", ComposeOptions(parse_background("source")))
    with pytest.raises(OptionError, match="its frames are in no file"):
        compose_streams(folder, tmp_path / "s.mp4", replace(green, source=Path(made.path)))


def test_a_clip_of_the_same_name_goes_on_with_no_recording(
    recording: Recording, tmp_path: Path
) -> None:
    """As `batch` does unasked: a recording cannot be made again."""
    for index in range(FRAMES):
        recording.write(seen(index, (1, True), confirmed={1}))
    assert recording.close(frozenset({1})) is not None
    before = {path: path.read_bytes() for path in recording.folder.iterdir()}
    (tmp_path / "clips").mkdir()
    clip = write_clip(tmp_path / "clips" / f"{INFO.name}.mp4", 4)
    resumed = replace(CONFIG, run=RunConfig(is_resumed=True))
    with pytest.raises(OptionError, match="recorded live: --overwrite replaces it"):
        matte_video(clip, tmp_path, resumed, detector=ColorDetector(), matter=BoxMatter())
    assert {path: path.read_bytes() for path in recording.folder.iterdir()} == before
    replaced = replace(CONFIG, run=RunConfig(is_overwriting=True))
    matte_video(clip, tmp_path, replaced, detector=ColorDetector(), matter=BoxMatter())
    assert not load_manifest(recording.folder).source.is_captured
