"""A checkpoint that is whole or the old one, and a log without gaps or doubles."""

from __future__ import annotations

import csv
import errno
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from instmatt_video.errors import AlphaWriteError, WeightsError
from instmatt_video.training.run_files import RunLog, read_checkpoint, save_checkpoint

CPU = torch.device("cpu")


def test_a_checkpoint_comes_back(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "last.ckpt", {"network": {"w": torch.arange(3.0)}, "step": 7})
    state = read_checkpoint(tmp_path / "last.ckpt", CPU)
    assert state["step"] == 7 and state["network"]["w"].tolist() == [0, 1, 2]


def test_a_full_disk_leaves_the_checkpoint_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "last.ckpt"
    save_checkpoint(path, {"step": 1})

    def save(state: dict[str, Any], file: Any) -> None:
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError:
            raise RuntimeError("unexpected pos 704 vs 598")  # noqa: B904  # as torch does

    monkeypatch.setattr(torch, "save", save)
    with pytest.raises(AlphaWriteError, match=r"last\.ckpt cannot be written: No space left"):
        save_checkpoint(path, {"step": 2})
    assert read_checkpoint(path, CPU)["step"] == 1
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]


def test_what_is_no_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    save_checkpoint(path, {"w": torch.zeros(1000)})
    whole = path.read_bytes()
    for data in (b"", b"hello", whole[: len(whole) // 2]):
        path.write_bytes(data)
        with pytest.raises(WeightsError, match=r"last\.ckpt is no checkpoint .*another --out"):
            read_checkpoint(path, CPU)
    torch.save([1, 2], path)
    with pytest.raises(WeightsError, match="no checkpoint"):
        read_checkpoint(path, CPU)


def shown(folder: Path) -> list[tuple[int, float]]:
    events = EventAccumulator(str(folder)).Reload()
    return [(event.step, event.value) for event in events.Scalars("loss")]


@pytest.mark.parametrize(
    ("resumed_at", "kept"),
    [
        pytest.param(2, [(1, 1.0), (2, 2.0)], id="at a step that was logged"),
        pytest.param(0, [], id="before the first checkpoint"),
    ],
)
def test_a_resumed_log_has_each_step_once(
    tmp_path: Path, resumed_at: int, kept: list[tuple[int, float]]
) -> None:
    log = RunLog(tmp_path, 0)
    for step in (1, 2, 3):
        log.write(step, {"loss": float(step)})
    log.close()
    # TensorBoard reads files by name, which begins with the second: here both would have the same.
    (events,) = tmp_path.glob("events.*")
    events.rename(tmp_path / "events.out.tfevents.0000000001")
    log = RunLog(tmp_path, resumed_at)
    log.write(3, {"loss": 30.0})
    log.close()
    expected = [*kept, (3, 30.0)]
    with (tmp_path / "log.csv").open(newline="") as file:
        head, *rows = csv.reader(file)
    assert head == ["step", "name", "value"]
    assert [(int(step), float(value)) for step, _, value in rows] == expected
    assert shown(tmp_path) == expected


def test_garbled_rows_are_dropped(tmp_path: Path) -> None:
    garbled = b"\xff\xfe\x00,loss,0.5\n1x,loss,2\n,loss,0.1\n"
    (tmp_path / "log.csv").write_bytes(b"step,name,value\n1,loss,0.5\n" + garbled + b"2,loss,0.4\n")
    RunLog(tmp_path, 5).close()
    rows = (tmp_path / "log.csv").read_text().splitlines()
    assert rows == ["step,name,value", "1,loss,0.5", "2,loss,0.4"]


def test_a_torn_last_row_is_dropped(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("step,name,value\n1,loss,0.5\n2,lo")
    RunLog(tmp_path, 5).close()
    assert (tmp_path / "log.csv").read_text().splitlines() == ["step,name,value", "1,loss,0.5"]
