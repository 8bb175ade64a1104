"""Settings in a TOML file, read as plain values."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from .errors import OptionError


def read_toml(path: Path) -> dict[str, Any]:
    """Return what a TOML file holds.

    Raises:
        OptionError: It cannot be read, or is no TOML.
    """
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise OptionError(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise OptionError(f"{path} is no TOML: {error}") from error
