"""Parts to files and back: each format's exporter and its reader, and their comparison.

A file gets its name when it has given what torch gives.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import AlphaWriteError, disk_errors
from ..folder_lock import writing_alone
from ..whole_file import whole_file
from .parts import MAX_BATCH, MAX_SIDE_PX, STRIDE, Part, run_part

FORMATS = {"onnx": ".onnx", "torchscript": ".pt"}
"""Suffix by name."""
TOLERANCE = 1e-3
"""Largest difference from torch, as a share of an output's range or of 1, that a file may have."""
OPSET = 18

Reader = Callable[[Sequence[Tensor]], list[Tensor]]


@dataclass(frozen=True)
class Exported:
    """A file that was written and checked."""

    path: Path
    part: str
    difference: float
    """Largest from torch, as `TOLERANCE` counts."""
    size_bytes: int


def export_part(part: Part, path: Path, format: str, metadata: Mapping[str, str]) -> Exported:
    """Write one part, compare it with torch, and give it its name.

    Args:
        part: What to write.
        path: Final name.
        format: A name in `FORMATS`.
        metadata: Stands in the file.

    Raises:
        OptionError: Somebody else is writing the file.
        AlphaWriteError: It cannot be written, or does not give what torch gives.
    """
    write, read = (_write_onnx, open_onnx) if format == "onnx" else (_write_script, _read_script)
    cases = part.check_inputs()
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with writing_alone(path), whole_file(path) as partial:
            write(part, cases, partial, metadata)
            difference = largest_difference(part, read(partial), cases)
            if not difference <= TOLERANCE:
                raise AlphaWriteError(
                    f"{path}: differs from torch by {difference:.2g}, more than {TOLERANCE:g}: "
                    "not written"
                )
    return Exported(path, part.name, difference, path.stat().st_size)


def largest_difference(part: Part, run: Reader, cases: Sequence[tuple[Tensor, ...]]) -> float:
    """Return the largest difference from torch over all outputs; NaN where there is a NaN.

    An output's range is its largest absolute value, at least 1: features reach far beyond it.
    """
    largest = 0.0
    for inputs in cases:
        for true, found in zip(run_part(part, inputs), run(inputs), strict=True):
            if true.shape != found.shape:
                return float("inf")
            difference = float((true - found).abs().max() / true.abs().max().clamp(min=1))
            largest = difference if difference != difference else max(largest, difference)
    return largest


def _write_onnx(
    part: Part, cases: Sequence[tuple[Tensor, ...]], path: Path, metadata: Mapping[str, str]
) -> None:
    # A batch of one would be taken for a constant.
    example = tuple(torch.cat([tensor, tensor])[:2] for tensor in cases[0])
    batch = torch.export.Dim("batch", min=1, max=MAX_BATCH)
    shape: dict[int, Any] = {0: batch}
    if part.has_free_sides:
        for axis, name in ((2, "rows"), (3, "columns")):
            shape[axis] = STRIDE * torch.export.Dim(name, min=1, max=MAX_SIDE_PX // STRIDE)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            part.module,
            example,
            input_names=list(part.inputs),
            output_names=list(part.outputs),
            dynamic_shapes=tuple(shape for _ in example),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model
    model.metadata_props.update(metadata)
    program.save(str(path), external_data=False)


def open_onnx(graph: Path | bytes, threads: int = 0) -> Reader:
    """Return the function of a graph, computed on the CPU.

    Args:
        graph: A file, or what stands in one.
        threads: That share an operation; 1 is the caller's alone, 0 one for every core.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Threads that wait must leave their cores to the other stages of a run.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(
        graph if isinstance(graph, bytes) else str(graph),
        options,
        providers=["CPUExecutionProvider"],
    )
    names = [node.name for node in session.get_inputs()]

    def run(inputs: Sequence[Tensor]) -> list[Tensor]:
        words = {n: tensor.contiguous().numpy() for n, tensor in zip(names, inputs, strict=True)}
        return [torch.from_numpy(array) for array in session.run(None, words)]

    return run


def _write_script(
    part: Part, cases: Sequence[tuple[Tensor, ...]], path: Path, metadata: Mapping[str, str]
) -> None:
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # sizes that the trace takes as they come: compared below
        traced = torch.jit.trace(part.module, cases[0], check_trace=False)  # type: ignore[no-untyped-call]
        traced = torch.jit.freeze(traced.eval())
        # Torch's own writing to a name ends the whole process where the disk is full.
        script = io.BytesIO()
        torch.jit.save(traced, script, _extra_files=dict(metadata))
    path.write_bytes(script.getbuffer())


def _read_script(path: Path) -> Reader:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        script = torch.jit.load(io.BytesIO(path.read_bytes()))  # type: ignore[no-untyped-call]

    @torch.no_grad()
    def run(inputs: Sequence[Tensor]) -> list[Tensor]:
        return list(script(*inputs))

    return run
