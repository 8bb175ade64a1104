"""Whether this machine can show a window."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Mapping

_FIRST_X_PORT = 6000


def has_display(environment: Mapping[str, str], platform: str = sys.platform) -> bool:
    """Return whether a window can be opened; a display that is named must also answer.

    The window library would end the whole program where it does not.
    """
    if not platform.startswith("linux"):
        return True
    wayland = environment.get("WAYLAND_DISPLAY")
    if wayland:
        folder = environment.get("XDG_RUNTIME_DIR", "/run")
        if _answers(socket.AF_UNIX, os.path.join(folder, wayland)):
            return True
    found = re.fullmatch(r"([^:]*):(\d+)(\.\d+)?", environment.get("DISPLAY", ""))
    if found is None:
        return False
    host, number = found[1], int(found[2])
    if host in ("", "unix"):
        path = f"/tmp/.X11-unix/X{number}"
        # Some servers listen at the abstract address only.
        return any(_answers(socket.AF_UNIX, address) for address in (path, f"\0{path}"))
    return _answers(socket.AF_INET, (host, _FIRST_X_PORT + number))


def _answers(family: socket.AddressFamily, address: str | tuple[str, int]) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(2.0)
        try:
            probe.connect(address)
        except OSError:
            return False
        return True
