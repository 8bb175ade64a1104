"""The address that a page is served at, from a user's words."""

from __future__ import annotations

import re

from ..errors import OptionError

DEFAULT_HOST = "127.0.0.1"
DEFAULT_ADDRESS = f"{DEFAULT_HOST}:8000"


def parse_address(text: str) -> tuple[str, int]:
    """Return host and port of `[HOST:]PORT`; the host of a version-6 address stands in brackets.

    Raises:
        OptionError: It is no address, or the port is out of range.
    """
    found = re.fullmatch(r"(?:(\[[0-9A-Fa-f:.%\w]+\]|[^\[\]:\s]+):)?(\d{1,5})", text)
    if found is None or int(found[2]) > 65535:
        raise OptionError(f"--serve takes [HOST:]PORT, such as {DEFAULT_ADDRESS}, not {text!r}")
    return (found[1] or DEFAULT_HOST).strip("[]"), int(found[2])
