"""`export_network`: a network by name to files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from instmatt_video.models.config import PRESETS

from .. import __version__
from ..checksums import digest
from ..config import MattingConfig
from ..errors import OptionError
from ..extras import require_extra
from ..weights.loading import load_detector_networks, load_matting_network, resolve_weights
from .parts import Part, detector_parts, matting_parts
from .pictures import CheckInputs, load_picture
from .writing import FORMATS, Exported, export_part


def export_network(
    network: str,
    out: str | Path,
    format: str,
    model: str | None = None,
    *,
    check_picture: Path | None = None,
) -> Iterator[Exported]:
    """Write a network's parts, each compared with torch, and yield what came of each.

    Args:
        network: `matting` or `detector`.
        out: `FILE.onnx` or `FILE.pt`; a part becomes `FILE.<part>.onnx`.
        format: `onnx` or `torchscript`.
        model: Weights by name or file; the embedded ones unless given.
        check_picture: A picture or clip with people; a bundled photograph unless given.

    Raises:
        OptionError: Choices that cannot be, or a package that is missing.
        WeightsError: The weights are missing or hold another network.
        AlphaWriteError: A file could not be written or differs from torch; nothing is left of it.
    """
    out = Path(out)
    if out.suffix != FORMATS[format]:
        raise OptionError(f"{out}: {format} is written to {FORMATS[format]} files")
    if format == "onnx":
        require_extra("onnx", "ONNX")
    weights = resolve_weights(model or ("lite" if network == "matting" else "compact"))
    inputs = CheckInputs(load_picture(check_picture))
    metadata = {
        "program": f"instmatt-video {__version__}",
        "network": network,
        "weights_sha256": digest(weights),
    }
    parts: tuple[Part, ...]
    if network == "matting":
        matting = load_matting_network(weights)
        if matting.mask_channels != 3:
            raise OptionError(f"{weights}: a network of {matting.mask_channels} mask channels")
        names = [name for name, preset in PRESETS.items() if preset == matting.config]
        metadata |= {
            "preset": names[0] if names else "custom",
            "config": json.dumps(asdict(matting.config)),
            "matte_size": str(MattingConfig().matte_size),
        }
        parts = matting_parts(matting, inputs.matting)
    else:
        detector = load_detector_networks(weights)
        parts = detector_parts(detector, inputs.pictures, inputs.crops, inputs.mutual_crops)
    for part in parts:
        path = out.with_suffix(f".{part.name}{out.suffix}")
        yield export_part(part, path, format, metadata | {"part": part.name})
