from __future__ import annotations

import argparse
import hashlib
import http.server
import json
import pickle
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from instmatt_video.errors import OptionError, WeightsError
from instmatt_video.models.checkpoint import save_matting_weights
from instmatt_video.models.config import PRESETS
from instmatt_video.models.folding import fold_norms
from instmatt_video.models.instance_matting import InstanceMattingNetwork
from instmatt_video.weights import cache, command, registry
from instmatt_video.weights.loading import load_matting_network
from tests.tiny_network import TINY

CONTENT = b"some weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    monkeypatch.setenv(cache.HOME_VARIABLE, str(folder))
    monkeypatch.delenv(cache.OFFLINE_VARIABLE, raising=False)
    return folder


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A stand-in for the place that weights are fetched from."""
    served = tmp_path / "served"
    served.mkdir()
    (served / "made.bin").write_bytes(CONTENT)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object, **kwargs: object) -> None:
            super().__init__(*args, directory=str(served), **kwargs)  # type: ignore[arg-type]

        def log_message(self, *args: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


def entry(url: str | None, sha256: str | None = SHA256) -> registry.WeightsEntry:
    return registry.WeightsEntry(
        "made", "made.bin", "cache", "a test", "none", url, sha256, advice="ask somebody"
    )


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args(arguments))


def test_fetched_file_is_whole_and_alone(server: str, home: Path) -> None:
    path = cache.fetch(entry(f"{server}/made.bin"))
    assert path == home / "made.bin"
    assert path.read_bytes() == CONTENT
    assert list(home.iterdir()) == [path]


def test_a_file_that_is_here_is_not_fetched_again(home: Path) -> None:
    home.mkdir()
    (home / "made.bin").write_bytes(CONTENT)
    assert cache.fetch(entry("http://127.0.0.1:1/made.bin")) == home / "made.bin"


def test_a_wrong_checksum_leaves_nothing_behind(server: str, home: Path) -> None:
    with pytest.raises(WeightsError, match=f"sent a file of SHA-256 {SHA256}, not 0000"):
        cache.fetch(entry(f"{server}/made.bin", "0000"))
    assert list(home.iterdir()) == []


def test_an_absent_file_says_url_and_path(server: str, home: Path) -> None:
    url = f"{server}/absent.bin"
    with pytest.raises(WeightsError, match=r"could not be fetched.*404.*put the file of") as caught:
        cache.fetch(entry(url))
    assert url in str(caught.value)
    assert str(home / "made.bin") in str(caught.value)


def test_no_server(home: Path) -> None:
    with pytest.raises(WeightsError, match="could not be fetched"):
        cache.fetch(entry("http://127.0.0.1:1/made.bin"))


@pytest.mark.parametrize("by_flag", [True, False], ids=["flag", "environment"])
def test_offline_never_fetches(server: str, by_flag: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not by_flag:
        monkeypatch.setenv(cache.OFFLINE_VARIABLE, "1")
    with pytest.raises(WeightsError, match="offline"):
        cache.fetch(entry(f"{server}/made.bin"), offline=by_flag)


def test_a_damaged_file_is_found(home: Path) -> None:
    home.mkdir()
    (home / "made.bin").write_bytes(CONTENT + b"!")
    with pytest.raises(WeightsError, match="delete it") as caught:
        cache.verify(entry(None))
    assert caught.value.exit_status == 6


def test_sealing_makes_a_file_known(home: Path) -> None:
    home.mkdir()
    path = home / "made.bin"
    path.write_bytes(CONTENT)
    with pytest.raises(WeightsError, match="no checksum"):
        cache.verify(entry(None, None))
    assert registry.seal(path) == SHA256
    record = json.loads((home / registry.CHECKSUMS).read_text())
    assert record == {"made.bin": {"sha256": SHA256, "size_bytes": len(CONTENT)}}
    assert cache.verify(entry(None, None)) == SHA256


def test_a_second_seal_keeps_the_first(home: Path) -> None:
    home.mkdir()
    for name in ("a", "b"):
        (home / name).write_bytes(name.encode())
        registry.seal(home / name)
    assert set(json.loads((home / registry.CHECKSUMS).read_text())) == {"a", "b"}


def test_cache_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(cache.HOME_VARIABLE, str(tmp_path / "one"))
    assert cache.cache_dir() == tmp_path / "one"
    monkeypatch.delenv(cache.HOME_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "two"))
    assert cache.cache_dir() == tmp_path / "two" / "instmatt-video"


def test_torchvisions_weights_lie_where_it_looks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    path = cache.weights_path(registry.ENTRIES["maskrcnn"])
    assert path.parent == Path(torch.hub.get_dir()) / "checkpoints"


def test_unknown_names_are_answered_with_the_known() -> None:
    with pytest.raises(WeightsError, match="there are lite, compact, base"):
        registry.find_entry("huge")


@pytest.mark.parametrize("name", ["lite", "compact"])
def test_embedded_weights_are_whole(name: str) -> None:
    if not cache.weights_path(registry.ENTRIES[name]).is_file():
        pytest.skip(f"the weights {name!r} have not been trained yet")
    assert cache.find_weights(name).is_file()


def test_loading_folds_and_freezes(tmp_path: Path) -> None:
    path = tmp_path / "own.safetensors"
    torch.manual_seed(0)
    trained = InstanceMattingNetwork(PRESETS["lite"])
    save_matting_weights(trained, path, torch.float32)
    network = load_matting_network(path, "cpu")
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    image, guidance = torch.randn(1, 3, 64, 64), torch.rand(1, 3, 64, 64)
    expected = fold_norms(trained)(image, guidance)
    torch.testing.assert_close(network(image, guidance).os1, expected.os1, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("file_name", "message"),
    [
        pytest.param("absent.safetensors", "neither a file nor one of lite", id="absent"),
        pytest.param("official.pth", "weights convert", id="pth"),
        pytest.param("text.safetensors", "cannot be read", id="damaged"),
    ],
)
def test_files_that_are_no_weights(file_name: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / file_name
    if not file_name.startswith("absent"):
        path.write_bytes(CONTENT)
    with pytest.raises(WeightsError, match=message):
        load_matting_network(path)


def test_base_that_was_never_converted_says_how() -> None:
    with pytest.raises(WeightsError, match=r"weights convert CHECKPOINT\.pth"):
        run("path", "base")


def test_verify_counts_every_failure() -> None:
    with pytest.raises(WeightsError, match="'base' are missing"):
        run("verify", "base")


def test_list_names_every_entry(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list") == 0
    output = capsys.readouterr().out
    assert all(f"{name:10}" in output for name in registry.ENTRIES)


def test_fetch_from_the_command_line(
    server: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    pinned = replace(entry(f"{server}/made.bin"), name="base")
    monkeypatch.setitem(registry.ENTRIES, "base", pinned)
    assert run("fetch", "base") == 0
    assert capsys.readouterr().out.strip() == str(home / "made.bin")


class Stranger:
    """What no file of weights holds."""


@pytest.mark.parametrize(
    "kind", ["text", "empty", "torn", "pickle", "objects", "safetensors", "text.safetensors"]
)
def test_convert_refuses_what_is_no_checkpoint_in_its_own_words(
    kind: str, tmp_path: Path, home: Path, recwarn: pytest.WarningsRecorder
) -> None:
    path = tmp_path / ("bad.safetensors" if kind == "text.safetensors" else "bad.pth")
    if kind == "objects":
        torch.save({"state_dict": Stranger()}, path)
    elif kind == "pickle":
        path.write_bytes(pickle.dumps({"state_dict": Stranger()}, protocol=4))
    elif kind == "torn":
        torch.save({"state_dict": {}}, path)
        path.write_bytes(path.read_bytes()[:300])
    elif kind == "safetensors":
        save_matting_weights(InstanceMattingNetwork(TINY), path)
    else:
        path.write_bytes(b"" if kind == "empty" else CONTENT)
    with pytest.raises(WeightsError) as caught:
        run("convert", str(path))
    assert str(caught.value) == (
        f"{path} cannot be read as a checkpoint: it is none, is cut off, or holds more than tensors"
    )
    assert not [w for w in recwarn if w.category is not ResourceWarning]  # other tests leave such
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("name", ["none.pth", "none.safetensors"])
def test_convert_says_what_the_system_says(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    with pytest.raises(WeightsError, match=rf"{name} .*checkpoint: No such file or directory\Z"):
        run("convert", str(path))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        pytest.param("own.pth", "a .safetensors file, not to ", id="of another kind"),
        pytest.param("folder.safetensors", "cannot write .*: it is a folder", id="folder"),
    ],
)
def test_convert_writes_what_can_be_loaded_or_nothing(name: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "folder.safetensors").mkdir()
    with pytest.raises(OptionError, match=told):
        run("convert", str(tmp_path / "none.pth"), "--output", str(tmp_path / name))
    assert [path.name for path in tmp_path.iterdir()] == ["folder.safetensors"]


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '"x"',
        '{"made.bin": null}',
        '{"made.bin": {}}',
        '{"made.bin": {"sha256": 5}}',
        '{"made.bin": {"sha256": ""}}',
    ],
)
def test_a_damaged_checksum_file_is_begun_anew(home: Path, text: str) -> None:
    home.mkdir()
    (home / "made.bin").write_bytes(CONTENT)
    (home / registry.CHECKSUMS).write_text(text)
    with pytest.raises(WeightsError, match=r"checksums\.json is damaged \(.*\): ask somebody\Z"):
        cache.verify(entry(None, None))
    registry.seal(home / "made.bin")
    assert cache.verify(entry(None, None)) == SHA256


@pytest.mark.parametrize("text", ["[]", '{"matting_base.safetensors": null}'])
def test_weights_beside_a_damaged_checksum_file_are_listed_as_damaged(
    home: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    home.mkdir()
    (home / "matting_base.safetensors").write_bytes(CONTENT)
    (home / registry.CHECKSUMS).write_text(text)
    assert run("list") == 0
    (base,) = (x for x in capsys.readouterr().out.splitlines() if x.startswith("base"))
    assert base.split()[1] == "damaged"
    with pytest.raises(WeightsError, match=r"checksums\.json is damaged"):
        run("verify", "base")
