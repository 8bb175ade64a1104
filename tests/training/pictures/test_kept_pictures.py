"""Decoded once while there is room, and again when there was none; passed over where torn."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import pytest

from instmatt_video.errors import MatteReadError, OptionError
from instmatt_video.training.pictures import kept_pictures
from instmatt_video.training.pictures.kept_pictures import KeptPictures, PicturesInOrder


def ask(names: str, max_bytes: int) -> str:
    """Return which names were decoded, in order, when asked for one after the other."""
    decoded: list[str] = []

    def decode(name: str) -> str:
        decoded.append(name)
        return 10 * name

    kept = KeptPictures(decode, len, max_bytes)
    for name in names:
        assert kept[name] == 10 * name
    return "".join(decoded)


def test_each_is_decoded_once_while_all_fit() -> None:
    assert ask("abcabcab", 30) == "abc"


def test_the_oldest_goes_first() -> None:
    assert ask("abcbca", 20) == "abca"


def test_one_that_is_too_large_is_kept_alone() -> None:
    assert ask("aabba", 5) == "aba"


def test_the_processes_of_a_loader_share_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask("ababab", 20) == "ab"
    monkeypatch.setattr(kept_pictures, "get_worker_info", lambda: SimpleNamespace(num_workers=2))
    assert ask("ababab", 20) == "ababab"
    assert ask("ababab", 40) == "ab"


def in_order(names: str) -> PicturesInOrder[str]:
    """Return pictures of these names, of which `x` cannot be read."""

    def read(name: str) -> str:
        if name == "x":
            raise MatteReadError("x is torn")
        return name

    return PicturesInOrder([partial(read, name) for name in names])


@pytest.mark.parametrize("asked", [(0, 1, 2, 3, 4), (4, 3, 2, 1, 0), (2, 2, 4, 0, 1, 3)])
def test_the_next_stands_in_for_a_torn_one_whatever_was_asked_before(
    asked: tuple[int, ...], caplog: pytest.LogCaptureFixture
) -> None:
    pictures = in_order("axxbx")
    assert [pictures[number] for number in asked] == ["abbba"[number] for number in asked]
    told = [record.getMessage() for record in caplog.records]
    assert told == 3 * ["x is torn: another is taken in its place"]
    assert list(pictures) == list("abbba") and list(pictures[1:4]) == list("bbb")


def test_none_that_can_be_read_is_an_error_each_time() -> None:
    pictures = in_order("xx")
    for number in (1, 0):
        with pytest.raises(OptionError, match="none of 2 pictures can be used: x is torn"):
            pictures[number]
    with pytest.raises(IndexError):
        pictures[2]
    assert list(in_order("")) == []
