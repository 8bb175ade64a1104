"""Faults of streams and of the program's surroundings."""

from __future__ import annotations

from typing import Any

import av
import pytest
from av.codec.codec import UnknownCodecError

from instmatt_video.errors import AlphaWriteError
from instmatt_video.media.video_stream import VideoAlphaStream


def lose_encoder(monkeypatch: pytest.MonkeyPatch, codec: str) -> None:
    """Let FFmpeg have been built without an encoder."""
    open_whole = av.open

    class Container:
        def __init__(self, *args: Any, **options: Any) -> None:
            self._container = open_whole(*args, **options)

        def add_stream(self, codec_name: str, **options: Any) -> Any:
            if codec_name == codec:
                raise UnknownCodecError(codec_name)
            return self._container.add_stream(codec_name, **options)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._container, name)

    monkeypatch.setattr(av, "open", Container)


def reads_back_wrong(stem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one stream not read back as it was written."""
    verify = VideoAlphaStream.verify

    def verify_one(self: VideoAlphaStream) -> None:
        if self.path.stem == stem:
            raise AlphaWriteError("reads back wrong")
        verify(self)

    monkeypatch.setattr(VideoAlphaStream, "verify", verify_one)
