"""What ends a run from outside does so once: in the parent, not in each of its workers."""

from __future__ import annotations

import signal

import pytest

from instmatt_video.evaluation.images import map_parallel
from instmatt_video.signals import ENDING_SIGNALS


def after(sent: signal.Signals) -> str:
    """Return what is left to say when a worker process was sent a signal."""
    signal.raise_signal(sent)
    return "at work"


@pytest.mark.parametrize("sent", ENDING_SIGNALS, ids=lambda sent: sent.name)
def test_a_signal_to_the_whole_group_leaves_workers_to_their_parent(sent: signal.Signals) -> None:
    assert list(map_parallel(after, [sent, sent], jobs=2)) == ["at work", "at work"]
