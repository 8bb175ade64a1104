"""What an extra brings, and how one that is missing is told."""

from __future__ import annotations

import re
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from instmatt_video.errors import OptionError
from instmatt_video.extras import EXTRAS, require_extra

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
MANUAL = PROJECT.with_name("README.md")


@pytest.mark.parametrize("extra", EXTRAS)
def test_what_an_extra_brings_is_called_so(extra: str) -> None:
    found = [find_spec(module) is not None for module in EXTRAS[extra]]
    if not any(found):
        pytest.skip(f"extra {extra} is not installed")
    assert all(found)


def test_every_extra_of_the_package_is_known() -> None:
    section = PROJECT.read_text().split("[project.optional-dependencies]")[1].split("\ntest = ")[0]
    declared = {
        extra: len(re.findall(r'"[^"]+"', packages))
        for extra, packages in re.findall(r"^(\w+) = \[(.*)\]$", section, re.MULTILINE)
    }
    assert {extra: len(modules) for extra, modules in EXTRAS.items()} == declared


@pytest.mark.parametrize("extra", EXTRAS)
def test_the_manual_names_every_extra(extra: str) -> None:
    assert re.search(rf"extra `?{extra}\b|\[{extra}\]", MANUAL.read_text())


def test_only_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXTRAS, "web", ("sys", "no_such_module", "json"))
    with pytest.raises(OptionError) as told:
        require_extra("web", "this page")
    line = 'this page needs no_such_module: pip install "instmatt-video[web]"'
    assert str(told.value) == line


def test_what_is_installed_is_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXTRAS, "web", ("antigravity",))
    require_extra("web", "this page")
    assert "antigravity" not in sys.modules
