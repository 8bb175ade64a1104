"""Faults of streams that only their own verification can find."""

from __future__ import annotations

import pytest

from instmatt_video.errors import AlphaWriteError
from instmatt_video.media.video_stream import VideoAlphaStream


def reads_back_wrong(stem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one stream not read back as it was written."""
    verify = VideoAlphaStream.verify

    def verify_one(self: VideoAlphaStream) -> None:
        if self.path.stem == stem:
            raise AlphaWriteError("reads back wrong")
        verify(self)

    monkeypatch.setattr(VideoAlphaStream, "verify", verify_one)
