"""What a composition does with the tracks of the clip's sound."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import pytest

from instmatt_video.compose.composition import compose_streams
from instmatt_video.compose.options import ComposeOptions, parse_background
from tests.media.made_clips import forget_codec, write_video

pytestmark = pytest.mark.usefixtures("ffmpeg_program")

BLACK = ComposeOptions(parse_background("black"))


def codecs(path: Path) -> list[str]:
    with av.open(path) as container:
        return [stream.codec_context.name for stream in container.streams.audio]


@pytest.mark.parametrize(
    ("container", "expected"),
    [(".mp4", ["aac", "aac", "mp3float"]), (".mov", ["aac", "pcm_s24le", "mp3float"])],
)
def test_each_track_is_copied_or_encoded_by_itself(
    container: str, expected: list[str], make_folder: Callable[..., Path], tmp_path: Path
) -> None:
    clip = tmp_path / "mixed.mkv"
    write_video(clip, sounds=("aac", "flac", "libmp3lame"))
    made = compose_streams(make_folder(source=clip), tmp_path / f"out{container}", BLACK)
    assert codecs(made.path) == expected


def test_a_track_of_an_unknown_codec_is_left_out(
    make_folder: Callable[..., Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clip = tmp_path / "phone.mov"
    write_video(clip, sounds=("pcm_s16le", "aac", "pcm_s16le"))
    folder = make_folder(source=forget_codec(clip))
    caplog.clear()
    made = compose_streams(folder, tmp_path / "out.mov", BLACK)
    assert codecs(made.path) == ["pcm_s16le", "aac"]
    assert "sound left out: unknown codec" in caplog.messages
