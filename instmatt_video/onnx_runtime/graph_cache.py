"""Exported graphs in the cache folder: made at first use, from then on read.

Knows names and checksums; knows no runtime. Files may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from torch import nn

from .. import __version__
from ..errors import OptionError
from ..export.parts import Part
from ..export.writing import OPSET, Exported, export_part
from ..weights.cache import HOME_VARIABLE, cache_dir

logger = logging.getLogger(__name__)

FOLDER_NAME = "onnx"
GRAPH_VERSION = 2
"""Counts the changes of what the parts compute within a version of the program."""
EXPORTER = f"{__version__}.{GRAPH_VERSION}-opset{OPSET}"

ExportPart = Callable[[Part, Path, str, Mapping[str, str]], Exported]


def load_graph(part: Part, export: ExportPart = export_part) -> bytes:
    """Return the ONNX graph of a part, exported and checked where the cache has it not whole.

    A file is named after the part, the SHA-256 of its weights, the exporter, and its own SHA-256:
    one that was cut short or changed is made again.

    Args:
        part: What to compute.
        export: Writes and checks a file.

    Raises:
        OptionError: The extra `onnx` is missing, or the cache folder cannot be written.
        AlphaWriteError: The graph does not give what torch gives.
    """
    folder = cache_dir() / FOLDER_NAME
    weights_sha256 = digest_weights(part.module)
    stem = f"{part.name}-{weights_sha256}-{EXPORTER}"
    try:
        for path in folder.glob(f"{stem}-*.onnx"):
            graph = path.read_bytes()
            if path.stem == f"{stem}-{hashlib.sha256(graph).hexdigest()}":
                return graph
            logger.warning("%s is damaged and is made again", path)
            path.unlink()
        folder.mkdir(parents=True, exist_ok=True)
        logger.info("%s is exported for onnxruntime, once: half a minute", part.name)
        # A folder of its own: several processes may export the same part.
        with tempfile.TemporaryDirectory(dir=folder, prefix=".export-") as temporary:
            metadata = {"part": part.name, "weights_sha256": weights_sha256, "exporter": EXPORTER}
            exported = export(part, Path(temporary) / "part.onnx", "onnx", metadata)
            graph = exported.path.read_bytes()
            exported.path.replace(folder / f"{stem}-{hashlib.sha256(graph).hexdigest()}.onnx")
    except OSError as error:
        raise OptionError(
            f"{folder}, where exported networks are kept, cannot be used: {error.strerror}; "
            f"{HOME_VARIABLE} names another place"
        ) from error
    return graph


def digest_weights(module: nn.Module) -> str:
    """Return the SHA-256 of names, shapes and values of a module's weights, as it computes."""
    sha256 = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        sha256.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        sha256.update(tensor.detach().contiguous().numpy().tobytes())
    return sha256.hexdigest()
