"""Packets of frames that show nothing: encoded once, written as often as needed.

Knows packets and key frames; knows no files. A key frame depends on no other, so its packet may
stand anywhere, if the frame after it depends on nothing before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from av.packet import Packet, PacketSideData
from av.stream import Stream

_ALPHA: Literal["matroska_block_additional"] = "matroska_block_additional"
"""Where VP9's packets carry their alpha."""


@dataclass(frozen=True)
class _Content:
    data: bytes
    alpha: PacketSideData | None


class BlankPackets:
    """The blank key frames of one encoder.

    Args:
        key_frame_numbers: How many numbers the codec gives its key frames in turn: H.264 has two,
            and a decoder takes two in a row with one number for one.
    """

    def __init__(self, key_frame_numbers: int) -> None:
        self._numbers = key_frame_numbers
        self._contents: dict[int, _Content] = {}
        self._encoded_count = 0
        self._last_number = -1

    @property
    def is_next_number_taken(self) -> bool:
        """Tell whether the encoder's next key frame would bear the number of the one before it."""
        return self._numbers > 1 and self._encoded_count % self._numbers == self._last_number

    def note(self, packet: Packet[Stream], is_blank: bool) -> None:
        """Count what the encoder made, and keep it if it can stand in for other blank frames."""
        if not packet.is_keyframe:
            return
        self._last_number = self._encoded_count % self._numbers
        # H.264's first packet also holds the encoder's greeting, twice as long as a blank frame.
        if is_blank and (self._encoded_count or self._numbers == 1):
            alpha = packet.get_sidedata(_ALPHA) if packet.has_sidedata(_ALPHA) else None
            self._contents[self._last_number] = _Content(bytes(packet), alpha)
        self._encoded_count += 1

    def again(self) -> Packet[Stream] | None:
        """Return a blank key frame to be written next, without times; `None`: encode one."""
        number = (self._last_number + 1) % self._numbers
        content = self._contents.get(number)
        if content is None:
            return None
        self._last_number = number
        packet: Packet[Stream] = Packet(content.data)
        if content.alpha is not None:
            packet.set_sidedata(content.alpha)
        packet.is_keyframe = True
        return packet
