"""Which device and precision a run computes in; never a silent fall-back from what was asked."""

from __future__ import annotations

import torch

from .errors import DeviceError, OptionError
from .extras import require_extra


def choose_device(name: str) -> torch.device:
    """Return the device of `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.

    Raises:
        DeviceError: It is not here.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    kind, _, number = name.partition(":")
    if kind == "cuda":
        count = torch.cuda.device_count()
        # torch would take cuda:300 for cuda:44: it counts in eight bits.
        if int(number or 0) >= count:
            raise DeviceError(
                f"device {name} was asked for, but this machine has {count} CUDA GPUs"
            )
    device = torch.device(kind, int(number)) if number else torch.device(kind)
    if kind == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("device mps was asked for, but this machine has no Metal GPU")
    return device


def check_runtime(name: str, device: torch.device) -> None:
    """Raise where `torch` or `onnx` cannot compute on a device.

    Raises:
        OptionError: onnxruntime is asked for on a GPU, or is not installed.
    """
    if name == "torch":
        return
    if device.type != "cpu":
        raise OptionError(
            f"the runtime {name} computes on the CPU and this run would use {device}: "
            "add --device cpu, or leave out --runtime"
        )
    require_extra("onnx", "ONNX")


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """Return the type of the network's inner values for `auto`, `fp32`, `bf16` or `fp16`.

    `auto` is fp16 on CUDA; on a CPU it is bf16 where that multiplies faster than fp32 (AMX tiles,
    AVX-512 with bf16), and fp32 elsewhere.
    """
    if name != "auto":
        return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[name]
    if device.type == "cuda":
        return torch.float16
    if device.type == "cpu" and (
        torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    ):
        return torch.bfloat16
    return torch.float32
