"""What a training is told: TOML files, checked field by field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

from ..errors import OptionError, first_complaint
from ..toml_file import read_toml

T = TypeVar("T")


def read_config(path: Path, kind: type[T]) -> T:
    """Return a dataclass from a TOML file.

    Raises:
        OptionError: The file cannot be read, is no TOML, or has a field that `kind` has not.
    """
    values = read_toml(path)
    unknown = _unknown_field(values, kind)
    if unknown:
        raise OptionError(f"{path}: there is no setting {unknown}")
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        raise OptionError(f"{path}: {first_complaint(error)}") from error


def _unknown_field(values: Mapping[str, Any], kind: type[Any]) -> str | None:
    """Return the dotted name of the first value that a dataclass has no field for."""
    types = get_type_hints(kind)
    for name, value in values.items():
        if name not in types:
            return name
        inner = types[name]
        rows = [value]
        if isinstance(value, list):
            inner, rows = (get_args(inner) or (None,))[0], value
        for row in rows:
            if is_dataclass(inner) and isinstance(inner, type) and isinstance(row, Mapping):
                unknown = _unknown_field(row, inner)
                if unknown:
                    return f"{name}.{unknown}"
    return None


def resolve(path: Path, beside: Path) -> Path:
    """Return a path that a file at `beside` names; a relative one starts at that file's folder."""
    return path if path.is_absolute() else beside.parent / path
