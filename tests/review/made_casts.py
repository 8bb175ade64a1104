"""Casts made by hand, and what is compared of them."""

from __future__ import annotations

from instmatt_video.people.identities import Cast, Sighting, default_name, make_identity

Holdings = dict[int, tuple[str, dict[int, list[int]]]]


def made_cast(people: dict[int, dict[int, range]], others: dict[int, range] | None = None) -> Cast:
    """Return people by number, each with frames by tracklet; a detection in every frame."""
    visible = {t: frozenset(f) for parts in people.values() for t, f in parts.items()}
    visible |= {t: frozenset(frames) for t, frames in (others or {}).items()}
    sightings = {
        t: {f: Sighting(0.9 if f % 10 else 0.95, 800.0) for f in frames}
        for t, frames in visible.items()
    }
    identities = tuple(
        make_identity(
            n, default_name(n), frozenset(parts), [(t, visible[t]) for t in parts], sightings
        )
        for n, parts in people.items()
    )
    return Cast(identities, visible, (), sightings=sightings)


def holdings(cast: Cast) -> Holdings:
    """Return each person's name and frames by stored tracklet."""
    return {
        i.track_id: (
            i.name,
            {cast.origin_of(t): sorted(cast.visible_tracklets[t]) for t in sorted(i.tracklet_ids)},
        )
        for i in cast.identities
    }
