"""The walls of the house: who may import whom, and what every file of the project keeps to."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOWER = ("trackers", "models", "eval")
APPLICATION = sorted([*(ROOT / "instmatt_video").rglob("*.py"), ROOT / "cli.py"])
TEXT = ("*.py", "*.toml", "*.md", "*.txt", "*.yml", "*.yaml", "*.html")


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (level, module) of every import, wherever in the file it stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.level, node.module or ""


def source_files() -> list[Path]:
    folders = [ROOT / name for name in ("instmatt_video", *LOWER, "tests", "bench")]
    found = {path for folder in folders for kind in TEXT for path in folder.rglob(kind)}
    found.update(path for kind in TEXT for path in ROOT.glob(kind))
    return sorted(found)


@pytest.mark.parametrize("folder", LOWER)
def test_lower_folders_know_nobody_of_the_project(folder: str) -> None:
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    for path in files:
        depth = len(path.relative_to(ROOT / folder).parts)
        for level, module in imports_of(path):
            if level:
                assert level <= depth, f"{path} reaches out of {folder}/"
            else:
                top = module.split(".")[0]
                assert top not in (*LOWER, "instmatt_video", "cli", "tests"), f"{path}: {module}"


def test_application_imports_lower_folders_by_their_one_name() -> None:
    for path in APPLICATION:
        for level, module in imports_of(path):
            assert level or module.split(".")[0] not in (*LOWER, "cli", "tests"), (
                f"{path}: {module}"
            )


def test_nobody_in_the_application_imports_the_command_line() -> None:
    for path in APPLICATION:
        for level, module in imports_of(path):
            names = module.split(".")
            is_ours = bool(level) or names[0] == "instmatt_video"
            assert not (is_ours and names[-1] == "cli"), path


def test_every_public_module_has_a_docstring() -> None:
    lower = [path for folder in LOWER for path in (ROOT / folder).rglob("*.py")]
    for path in [*APPLICATION, *lower]:
        if not path.name.startswith("_") or path.name == "__init__.py":
            assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path


def test_no_file_names_the_machine_it_was_written_on() -> None:
    here = [f"{ROOT.parent}/"] if len(ROOT.parent.parts) > 1 else [f"{ROOT}/"]
    if sys.prefix != sys.base_prefix:
        here.append(sys.prefix)
    pattern = re.compile("|".join(rf"(?<![\w.~*]){re.escape(path)}" for path in here))
    for path in source_files():
        found = pattern.search(path.read_text(encoding="utf-8"))
        assert found is None, f"{path} names {found and found.group()}"
