"""Devices and precisions: what was asked for, or an error."""

from __future__ import annotations

import pytest
import torch

from instmatt_video.device import choose_device, choose_precision
from instmatt_video.errors import DeviceError


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    def pretend(gpus: int, has_metal: bool = False) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: has_metal)

    return pretend


@pytest.mark.parametrize(
    ("gpus", "has_metal", "chosen"), [(0, False, "cpu"), (0, True, "mps"), (2, False, "cuda")]
)
def test_auto_takes_the_best(machine, gpus: int, has_metal: bool, chosen: str) -> None:  # type: ignore[no-untyped-def]
    machine(gpus, has_metal)
    assert choose_device("auto").type == chosen


def test_what_is_here_is_used(machine) -> None:  # type: ignore[no-untyped-def]
    machine(2)
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("cuda:1") == choose_device("cuda:01") == torch.device("cuda", 1)


@pytest.mark.parametrize(
    ("gpus", "name", "message"),
    [
        (0, "cuda", "cuda was asked for, but this machine has 0 CUDA GPUs"),
        (1, "cuda:1", "cuda:1 was asked for, but this machine has 1 CUDA GPUs"),
        (1, "cuda:256", "cuda:256 was asked for, but this machine has 1 CUDA GPUs"),
        (1, "cuda:999999999999999", "cuda:999999999999999 was asked for"),
        (1, "mps", "mps was asked for, but this machine has no Metal GPU"),
    ],
)
def test_what_is_absent_is_never_replaced(machine, gpus: int, name: str, message: str) -> None:  # type: ignore[no-untyped-def]
    machine(gpus)
    with pytest.raises(DeviceError, match=message) as caught:
        choose_device(name)
    assert caught.value.exit_status == 5


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)],
)
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_precision_that_was_asked_for(name: str, dtype: torch.dtype, device: str) -> None:
    assert choose_precision(name, torch.device(device)) is dtype


@pytest.mark.parametrize(
    ("device", "has_tiles", "has_products", "dtype"),
    [
        ("cuda", False, False, torch.float16),
        ("cpu", False, False, torch.float32),
        ("cpu", False, True, torch.bfloat16),
        ("cpu", True, False, torch.bfloat16),
        ("mps", True, True, torch.float32),
    ],
)
def test_auto_precision(
    monkeypatch: pytest.MonkeyPatch,
    device: str,
    has_tiles: bool,
    has_products: bool,
    dtype: torch.dtype,
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: has_tiles)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has_products)
    assert choose_precision("auto", torch.device(device)) is dtype
