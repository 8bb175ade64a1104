"""Decoded once while there is room, and again when there was none."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from instmatt_video.training import kept_pictures
from instmatt_video.training.kept_pictures import KeptPictures


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
