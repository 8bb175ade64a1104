"""An exporter for tests: the same graphs by torch's older exporter, which takes a twentieth."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import torch

from instmatt_video.export.parts import Part
from instmatt_video.export.writing import Exported


class QuickExport:
    """Exports parts and counts them."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def __call__(
        self, part: Part, path: Path, format: str, metadata: Mapping[str, str]
    ) -> Exported:
        assert format == "onnx"
        self.parts.append(part.name)
        axes = {0: "batch", 2: "rows", 3: "columns"} if part.has_free_sides else {0: "batch"}
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                part.module,
                part.check_inputs()[0],
                str(path),
                input_names=list(part.inputs),
                output_names=list(part.outputs),
                dynamic_axes={name: axes for name in part.inputs},
                opset_version=18,
                dynamo=False,
            )
        return Exported(path, part.name, 0.0, path.stat().st_size)
