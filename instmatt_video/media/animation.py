"""Whether a picture file is a film: pictures that are shown one after the other.

Source: PNG 3rd edition, section 11.3.6; WebP Container Specification, "Extended File Format".
"""

from __future__ import annotations

from pathlib import Path


def is_animated(path: Path) -> bool:
    """Tell whether a PNG or WebP file holds more than one picture; of other kinds none does."""
    data = path.read_bytes()
    if data.startswith(b"\x89PNG"):
        return b"acTL" in data.partition(b"IDAT")[0]
    return data[8:16] == b"WEBPVP8X" and len(data) > 20 and data[20] & 2 > 0
