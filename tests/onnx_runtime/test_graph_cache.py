"""Graphs in the cache: made once, made again where they are damaged, never half there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from instmatt_video.errors import OptionError
from instmatt_video.export.parts import Part
from instmatt_video.export.writing import Exported, open_onnx
from instmatt_video.onnx_runtime import graph_cache
from instmatt_video.onnx_runtime.graph_cache import digest_weights, load_graph


class Scaled(nn.Module):
    """The least that has a weight."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.register_buffer("weight", torch.tensor(weight))

    def forward(self, x: Tensor) -> tuple[Tensor]:
        return (self.weight * x,)


class Exporter:
    """Writes what it was told to instead of a graph, and counts."""

    def __init__(self, graph: bytes = b"a graph", error: BaseException | None = None) -> None:
        self.graph, self.error, self.count = graph, error, 0

    def __call__(
        self, part: Part, path: Path, format: str, metadata: Mapping[str, str]
    ) -> Exported:
        self.count += 1
        path.write_bytes(self.graph)
        if self.error is not None:
            raise self.error
        return Exported(path, part.name, 0.0, len(self.graph))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INSTMATT_VIDEO_HOME", str(tmp_path))
    return tmp_path / graph_cache.FOLDER_NAME


def part(weight: float = 1.0, name: str = "scaled") -> Part:
    def nothing() -> list[tuple[Tensor, ...]]:
        raise AssertionError("only an exporter asks for inputs")

    return Part(name, Scaled(weight), ("x",), ("y",), False, nothing)


def test_the_second_time_it_is_read(folder: Path) -> None:
    first, second = Exporter(), Exporter(b"another")
    assert load_graph(part(), first) == b"a graph"
    assert load_graph(part(), second) == b"a graph"
    assert (first.count, second.count) == (1, 0)
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda graph: graph[:3], id="cut short"),
        pytest.param(lambda graph: b"", id="empty"),
        pytest.param(lambda graph: b"A" + graph[1:], id="one byte"),
    ],
)
def test_a_damaged_file_is_made_again(
    damage: object, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    load_graph(part(), Exporter())
    (path,) = folder.iterdir()
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    again = Exporter()
    assert load_graph(part(), again) == b"a graph"
    assert again.count == 1
    assert path.read_bytes() == b"a graph"
    assert "is damaged and is made again" in caplog.text


def test_the_products_own_exporter(folder: Path) -> None:
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    x = torch.rand(2, 5)
    run = open_onnx(load_graph(replace(part(3.0), check_inputs=lambda: [(x,)])), threads=1)
    torch.testing.assert_close(run([x])[0], 3 * x)
    assert [path.suffix for path in folder.iterdir()] == [".onnx"]


def test_other_weights_part_and_exporter_are_other_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporter = Exporter()
    load_graph(part(), exporter)
    load_graph(part(2.0), exporter)
    load_graph(part(name="shifted"), exporter)
    monkeypatch.setattr(graph_cache, "EXPORTER", "9.9")
    load_graph(part(), exporter)
    assert exporter.count == len(list(folder.iterdir())) == 4


def test_nothing_is_left_of_an_export_that_fails(folder: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        load_graph(part(), Exporter(error=KeyboardInterrupt()))
    assert list(folder.iterdir()) == []


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("INSTMATT_VIDEO_HOME", str(tmp_path / "file"))
    with pytest.raises(OptionError, match="INSTMATT_VIDEO_HOME names another place"):
        load_graph(part(), Exporter())


def test_the_digest_is_of_names_shapes_and_values() -> None:
    def digest(**tensors: Tensor) -> str:
        module = nn.Module()
        for name, tensor in tensors.items():
            module.register_buffer(name, tensor)
        return digest_weights(module)

    ones = torch.ones(2, 3)
    # Memory format is no value.
    assert digest(a=ones) == digest(a=torch.ones(3, 2).T)
    others = [digest(b=ones), digest(a=ones.T), digest(a=2 * ones), digest(a=ones, b=ones)]
    assert len({digest(a=ones), *others}) == 5
