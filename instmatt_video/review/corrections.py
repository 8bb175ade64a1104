"""A cast as people have corrected it.

Knows who is who, frame by frame; knows no files and no pixels. Everything here is a pure function:
undoing is replaying without the last.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ..config import OutputConfig
from ..correction import Correction, Drop, Merge, Rename, Split, Swap
from ..errors import OptionError
from ..people.identities import Cast, default_name, make_identity

_Frames = frozenset[int]


@dataclass(frozen=True)
class _Person:
    """One person while corrections are replayed."""

    name: str
    parts: dict[int, _Frames]
    """Frames by stored tracklet; none is empty."""

    @property
    def frames(self) -> _Frames:
        return frozenset[int]().union(*self.parts.values())

    def cut(self, frame: int) -> tuple[dict[int, _Frames], dict[int, _Frames]]:
        """Return the parts before a frame, and from it on."""
        before = {t: frozenset(f for f in frames if f < frame) for t, frames in self.parts.items()}
        after = {t: frames - before[t] for t, frames in self.parts.items()}
        return _filled(before), _filled(after)


def corrected_cast(cast: Cast, corrections: Iterable[Correction], frames: range) -> Cast:
    """Return a cast after corrections, one after the other.

    The same people with the same frames are the same cast, on whatever way they came about.

    Args:
        cast: As it was found.
        corrections: In order.
        frames: Numbers of the clip's frames, by which the corrections count.

    Raises:
        OptionError: A person who is not there (any more), or a frame that cannot be.
    """
    people = {
        identity.track_id: _Person(
            identity.name,
            _joined(
                [(cast.origin_of(t), cast.visible_tracklets[t])] for t in identity.tracklet_ids
            ),
        )
        for identity in cast.identities
    }
    next_number = _first_new_number(cast)
    for correction in corrections:
        people = _apply(people, correction, frames, next_number)
        next_number += isinstance(correction, Split)
    return _to_cast(cast, people)


def output_after(
    config: OutputConfig, found: Cast, corrections: Sequence[Correction]
) -> OutputConfig:
    """Return the config of the same streams after corrections: `only` follows the people.

    Whoever was split off from a chosen person is chosen too, and whoever a chosen person turned out
    to be.

    Args:
        config: As it was asked for, by the numbers of the uncorrected cast.
        found: The uncorrected cast.
        corrections: In order, valid.

    Raises:
        OptionError: Nobody is left of those who were chosen.
    """
    chosen, next_number = set(config.only), _first_new_number(found)
    for correction in corrections:
        if isinstance(correction, Split):
            if correction.track in chosen:
                chosen.add(next_number)
            next_number += 1
        elif isinstance(correction, Merge):
            if correction.other in chosen:
                chosen.add(correction.track)
            chosen.discard(correction.other)
        elif isinstance(correction, Drop):
            chosen.discard(correction.track)
    if config.only and not chosen:
        raise OptionError(
            f"the run was asked for {', '.join(map(str, config.only))} only, "
            "and after the corrections nobody is left of them"
        )
    return replace(config, only=tuple(sorted(chosen)))


def corrections_of(
    found: Cast, corrections: Iterable[Correction], people: Sequence[Iterable[int]]
) -> tuple[Correction, ...]:
    """Return corrections by the numbers that the same people have in a cast found anew.

    A clip that was read on may have more people: who was split off is numbered after them.

    Args:
        found: The uncorrected cast now.
        corrections: In order, by the numbers of the cast that they were made of.
        people: The tracklets of each person of that cast, from number 1 on.

    Raises:
        OptionError: Somebody who was corrected is not found as one person any more.
    """
    known = [frozenset(tracklets) for tracklets in people]
    everybody = frozenset[int]().union(*known)
    now = {person.tracklet_ids & everybody: person.track_id for person in found.identities}

    def number_of(number: int) -> int:
        if number > len(known):
            return number - len(known) - 1 + _first_new_number(found)
        if known[number - 1] not in now:
            raise OptionError(
                f"person {number} was corrected and is found as other people now: take the "
                "corrections back (instmatt-video tracks FOLDER undo), then --resume"
            )
        return now[known[number - 1]]

    return tuple(correction.renumbered(number_of) for correction in corrections)


def _first_new_number(cast: Cast) -> int:
    return 1 + max((identity.track_id for identity in cast.identities), default=0)


def _apply(
    people: dict[int, _Person], correction: Correction, frames: range, new_number: int
) -> dict[int, _Person]:
    person = _look_up(people, correction.track)
    if isinstance(correction, Rename):
        return people | {correction.track: _Person(correction.name, person.parts)}
    if isinstance(correction, Drop):
        return _without(people, correction.track)
    if isinstance(correction, Split):
        before, after = person.cut(_index(correction.frame, frames))
        if not before or not after:
            raise OptionError(
                f"{correction}: {_span(person, frames)}, and both people need some of them"
            )
        newcomer = _Person(default_name(new_number), after)
        return people | {correction.track: _Person(person.name, before), new_number: newcomer}

    other = _look_up(people, correction.other)
    if correction.other == correction.track:
        raise OptionError(f"{correction}: that is one person; name two")
    if isinstance(correction, Merge):
        merged = _Person(person.name, _joined([person.parts.items(), other.parts.items()]))
        return _without(people, correction.other) | {correction.track: merged}
    return people | _swapped(person, other, correction, frames)


def _swapped(
    person: _Person, other: _Person, correction: Swap, frames: range
) -> dict[int, _Person]:
    before, after = person.cut(_index(correction.frame, frames))
    other_before, other_after = other.cut(_index(correction.frame, frames))
    if not after and not other_after:
        raise OptionError(f"{correction}: neither is seen from that frame on")
    one = _joined([before.items(), other_after.items()])
    two = _joined([other_before.items(), after.items()])
    for number, parts in ((correction.track, one), (correction.other, two)):
        if not parts:
            raise OptionError(
                f"{correction}: nothing would be left of {number}; to make one person of both, "
                "merge them"
            )
    return {
        correction.track: _Person(person.name, one),
        correction.other: _Person(other.name, two),
    }


def _to_cast(found: Cast, people: dict[int, _Person]) -> Cast:
    """Return the cast of some people; frames that are nobody's keep counting, for the rest."""
    stored = _joined([(found.origin_of(t), f)] for t, f in found.visible_tracklets.items())
    owned: dict[int, dict[int, int]] = {number: {} for number in people}
    visible: dict[int, _Frames] = {}
    origins: dict[int, int] = {}
    for tracklet, frames in sorted(stored.items()):
        shares = [(p.parts[tracklet], n) for n, p in people.items() if tracklet in p.parts]
        ownerless = frames.difference(*(share for share, _ in shares))
        shares += [(ownerless, 0)] if ownerless else []
        for place, (share, owner) in enumerate(sorted(shares, key=lambda item: min(item[0]))):
            part = tracklet if place == 0 else max(stored) + 1 + len(origins)
            if place:
                origins[part] = tracklet
            visible[part] = share
            if owner:
                owned[owner][part] = tracklet
    identities = tuple(
        make_identity(
            number,
            person.name,
            frozenset(owned[number]),
            [(tracklet, visible[part]) for part, tracklet in owned[number].items()],
            found.sightings,
        )
        for number, person in sorted(people.items())
    )
    return Cast(identities, visible, found.cuts, origins, found.sightings)


def _look_up(people: dict[int, _Person], number: int) -> _Person:
    if number not in people:
        there = ", ".join(map(str, sorted(people))) or "nobody"
        raise OptionError(f"there is no person {number}; there is {there}")
    return people[number]


def _index(frame: int, frames: range) -> int:
    """Return a frame's position in the clip, from 0."""
    if frame not in frames:
        raise OptionError(
            f"frame {frame} is outside the clip, whose frames are {frames[0]} to {frames[-1]}"
        )
    return frames.index(frame)


def _span(person: _Person, frames: range) -> str:
    first, last = frames[min(person.frames)], frames[max(person.frames)]
    return f"the person is seen in frames {first} to {last}"


def _without(people: dict[int, _Person], number: int) -> dict[int, _Person]:
    return {k: person for k, person in people.items() if k != number}


def _filled(parts: dict[int, _Frames]) -> dict[int, _Frames]:
    return {tracklet: frames for tracklet, frames in parts.items() if frames}


def _joined(groups: Iterable[Iterable[tuple[int, _Frames]]]) -> dict[int, _Frames]:
    """Return all frames by tracklet, where a tracklet may stand in several groups."""
    joined: dict[int, _Frames] = {}
    for group in groups:
        for tracklet, frames in group:
            joined[tracklet] = joined.get(tracklet, frozenset()) | frames
    return joined
