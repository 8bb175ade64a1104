"""What streams are made from, as checksums: one whose key is known need not be written again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from ..alpha_store import AlphaStore
from ..config import OutputConfig
from ..people.identities import Cast
from .stream_plans import PREVIEW_FILE, StreamPlan


def stream_keys(
    plans: Sequence[StreamPlan], cast: Cast, config: OutputConfig, store: AlphaStore
) -> dict[str, str]:
    """Return, by file, what streams and preview are made from, as checksums."""
    content = store.digest
    keys = {plan.file: _key_of(plan, cast, config, content) for plan in plans}
    if config.has_preview:
        keys[PREVIEW_FILE] = _preview_key(cast, config, content)
    return keys


def _key_of(plan: StreamPlan, cast: Cast, config: OutputConfig, content: str) -> str:
    shares = _shares(plan.tracklet_ids, cast)
    settings = [
        content,
        [tracklet for tracklet, _ in shares],
        plan.first,
        plan.last,
        config.is_trimmed,
        config.format,
        config.quality,
        config.foreground,
        config.has_audio,
        config.still_frames,
        [frames for _, frames in shares],
    ]
    return _checksum(settings)


def _preview_key(cast: Cast, config: OutputConfig, content: str) -> str:
    people = [(i.track_id, i.name, _shares(i.tracklet_ids, cast)) for i in cast.identities]
    return _checksum([content, config.still_frames, people])


def _shares(tracklet_ids: frozenset[int], cast: Cast) -> list[tuple[int, list[int]]]:
    """Return the frames by stored tracklet, in one order however a tracklet was divided."""
    return sorted((cast.origin_of(t), sorted(cast.visible_tracklets[t])) for t in tracklet_ids)


def _checksum(settings: object) -> str:
    return hashlib.sha256(json.dumps(settings).encode()).hexdigest()
