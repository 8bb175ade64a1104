"""Who holds a file's name, what is left of it, and what is said of one that cannot be held."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from instmatt_video.errors import AlphaWriteError, OptionError
from instmatt_video.folder_lock import (
    changing_alone,
    rendering_alone,
    training_alone,
    writing_alone,
)


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    with writing_alone(film):
        with pytest.raises(OptionError, match=r"film\.mp4 is being written by another process"):
            with writing_alone(film):
                pass
        with writing_alone(tmp_path / "another.mp4"):
            pass
    with writing_alone(film):
        pass
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_holds_nobody_up(tmp_path: Path) -> None:
    (tmp_path / ".film.mp4.lock").touch()
    with writing_alone(tmp_path / "film.mp4"):
        pass
    assert not list(tmp_path.iterdir())


def test_a_name_that_cannot_be_is_told_as_it_was_given(tmp_path: Path) -> None:
    film = tmp_path / f"{'n' * 300}.mp4"
    with pytest.raises(AlphaWriteError) as caught, writing_alone(film):
        pass
    assert str(caught.value).startswith(f"{film} cannot be written: ")


@pytest.mark.parametrize(
    "reason", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF], ids=errno.errorcode.get
)
def test_a_file_system_without_locks_holds_nobody_up(
    reason: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    fcntl = pytest.importorskip("fcntl")

    def refuse(*_: object) -> None:
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(fcntl, "flock", refuse)
    for alone in (rendering_alone, changing_alone, training_alone, writing_alone):
        caplog.clear()
        with alone(tmp_path / "walk"):
            (tmp_path / "walk").mkdir(exist_ok=True)
        (line,) = caplog.messages
        assert f"cannot be locked ({os.strerror(reason)})" in line
