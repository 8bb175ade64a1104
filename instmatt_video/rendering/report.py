"""`report.html`: a run on one page that needs nothing beside it.

Knows a manifest; knows no pictures but those in it. Every word that came from outside is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from html import escape
from typing import Any
from urllib.parse import quote

from ..manifest import Manifest, SourceRecord, StageRecord, TrackRecord
from .preview import Rgb, color_of_track, css_color, text_color_on
from .report_style import STYLE

FILE_NAME = "report.html"

# The page itself forbids whatever would make it ask a network for something.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

_NOTHING = "–"
_MAX_TICKS = 8
_TICK_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
_IMAGE_URL = "data:image/jpeg;base64,"


def render_report(manifest: Manifest, *, preview_file: str | None = None) -> str:
    """Return the page as HTML text, to be saved as UTF-8 beside the streams.

    Args:
        manifest: The run.
        preview_file: Name of the preview, relative to the page, if there is one.
    """
    source = manifest.source
    title = escape(source.name)
    return "\n".join(
        (
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title} – instmatt-video</title>",
            f"<style>{STYLE}</style>",
            "</head>",
            "<body>",
            f"<header><h1>{title}</h1><p>{escape(_headline(manifest))}</p></header>",
            _warnings(manifest.warnings),
            _people(manifest, preview_file),
            _stages(manifest),
            _section("Clip", _facts(_source_facts(source, manifest.audio))),
            _section("Made with", _facts(_run_facts(manifest)) + _weights(manifest)),
            _section("Settings", _facts(_flattened(manifest.settings))),
            f"<footer>instmatt-video {escape(manifest.program_version)}, "
            f"{escape(manifest.created)}</footer>",
            "</body>",
            "</html>",
            "",
        )
    )


def _headline(manifest: Manifest) -> str:
    source = manifest.source
    people = len(manifest.tracks)
    nobody = "nobody left" if manifest.rendered_corrections else "nobody found"
    words = nobody if not people else "1 person" if people == 1 else f"{people} people"
    return (
        f"{words} · {source.frame_count} frames · {_clock(source.duration_s)} · "
        f"{source.width}×{source.height} · {_rate(source.frame_rate)} fps"
    )


def _warnings(warnings: tuple[str, ...]) -> str:
    if not warnings:
        return ""
    items = "".join(f"<li>{escape(warning)}</li>" for warning in warnings)
    heading = "1 warning" if len(warnings) == 1 else f"{len(warnings)} warnings"
    return f'<section class="warnings"><h2>{heading}</h2><ul>{items}</ul></section>'


def _section(heading: str, body: str) -> str:
    return f"<section><h2>{escape(heading)}</h2>{body}</section>"


def _people(manifest: Manifest, preview_file: str | None) -> str:
    if manifest.tracks:
        axis = f'<div class="axis">{_ticks(manifest.source)}</div>'
        rows = "".join(_person(track, manifest) for track in manifest.tracks)
        people = f'<div class="people">{axis}{rows}</div>'
    else:
        people = f'<p class="nobody">{_why_nobody(manifest)}.</p>'
    notes = []
    if manifest.tracks and manifest.cuts:
        cuts = ", ".join(str(cut) for cut in manifest.cuts)
        notes.append(f"Dashed lines are cuts: a new shot begins at frame {cuts}.")
    if manifest.rest_file is not None:
        notes.append(f"Who has no stream of their own: {_link(manifest.rest_file)}.")
    if preview_file is not None:
        notes.append(f"All together: {_link(preview_file)}.")
    note = f"<p>{' '.join(notes)}</p>" if notes else ""
    return _section("People", people + note)


def _why_nobody(manifest: Manifest) -> str:
    if manifest.rendered_corrections:  # of nobody there are none
        why = "Everybody who was found in this clip has been dropped by hand"
    else:
        why = "Nobody was found in this clip"
    return why if manifest.streams else f"{why}, so no stream was written"


def _person(track: TrackRecord, manifest: Manifest) -> str:
    color = color_of_track(track.id)
    total = max(1, manifest.source.frame_count)
    share = f"{100 * track.frames_visible / total:.0f} %"
    is_picture = track.thumbnail.startswith(_IMAGE_URL)
    picture = f'<img src="{escape(track.thumbnail)}" alt="">' if is_picture else ""
    badge = f'<span class="badge" style="{_badge_style(color)}">{track.id}</span>'
    file = "no stream" if track.file is None else _link(track.file)
    return (
        f'<article><div class="face">{picture}</div>'
        f'<div class="who"><h3>{badge}<span>{escape(track.name)}</span></h3><p>{file}</p>'
        f"<p>{_frames_of(track)}, {track.frames_visible} visible ({share}), "
        f"mean score {track.mean_score:.2f}</p></div>"
        f'<div class="bar">{_timeline(track, manifest, color)}</div></article>'
    )


def _timeline(track: TrackRecord, manifest: Manifest, color: Rgb) -> str:
    """Return the bar; one unit across is one frame."""
    source = manifest.source
    first_frame = source.first_frame_number
    total = max(1, source.frame_count)
    spans = []
    for first, last in track.spans:
        label = f"frames {first}–{last}" if last > first else f"frame {first}"
        times = f"{_clock(_time_of(first - first_frame, source))} – " + _clock(
            _time_of(last + 1 - first_frame, source)
        )
        spans.append(
            f'<rect x="{first - first_frame}" y="0" width="{last - first + 1}" height="1" '
            f'fill="{css_color(color)}"><title>{label}, {times}</title></rect>'
        )
    cuts = "".join(
        f'<line x1="{cut - first_frame}" x2="{cut - first_frame}" y1="0" y2="1">'
        f"<title>cut: frame {cut}</title></line>"
        for cut in manifest.cuts
    )
    words = ", ".join(f"{first}–{last}" for first, last in track.spans) or "none"
    return (
        f'<svg viewBox="0 0 {total} 1" preserveAspectRatio="none" role="img" '
        f'aria-label="visible in frames {words}">{"".join(spans)}{cuts}</svg>'
    )


def _ticks(source: SourceRecord) -> str:
    """Return labelled marks at round times along the clip."""
    duration_s = source.duration_s
    if duration_s <= 0:
        return ""
    step_s = next((step for step in _TICK_STEPS_S if duration_s / step <= _MAX_TICKS), None)
    if step_s is None:
        step_s = 3600.0 * (1 + duration_s // (3600 * _MAX_TICKS))
    # A label at the very end would hang over the page's edge.
    count = int(0.96 * duration_s / step_s)
    return "".join(
        f'<span style="left:{100 * i * step_s / duration_s:.3f}%">{_clock(i * step_s)}</span>'
        for i in range(count + 1)
    )


def _stages(manifest: Manifest) -> str:
    """Return the table of what took how long."""
    busy_s = sum(stage.busy_s for stage in manifest.stages)
    rows = "".join(_stage(stage, busy_s) for stage in manifest.stages)
    heads = "<th>Stage</th><th>Time</th><th>Frames</th><th>Frames/s</th><th>Share</th><th></th>"
    table = f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>" if rows else ""
    return _section("Time", f"<p>{escape(_pace(manifest, busy_s))}</p>{table}")


def _stage(stage: StageRecord, busy_s: float) -> str:
    share = stage.busy_s / busy_s if busy_s > 0 else 0.0
    rate = _speed(stage.frames / stage.busy_s) if stage.busy_s > 0 else _NOTHING
    return (
        f"<tr><th>{escape(stage.name)}</th><td>{stage.busy_s:.2f} s</td><td>{stage.frames}</td>"
        f'<td>{rate}</td><td>{100 * share:.0f} %</td><td class="share">'
        f'<svg viewBox="0 0 1 1" preserveAspectRatio="none"><rect width="{share:.4f}" '
        'height="1"/></svg></td></tr>'
    )


def _pace(manifest: Manifest, busy_s: float) -> str:
    if manifest.wall_s <= 0:
        return "No times were taken."
    rate = _speed(manifest.source.frame_count / manifest.wall_s)
    pace = f"{manifest.wall_s:.1f} s from start to end, {rate} frames/s."
    if busy_s > 0:
        pace += (
            f" Stages worked {busy_s:.1f} s in all, side by side: "
            f"overlap factor {busy_s / manifest.wall_s:.2f}."
        )
    return pace


def _source_facts(source: SourceRecord, audio: str) -> Iterable[tuple[str, str]]:
    yield "File", source.path or _NOTHING
    yield "SHA-256", source.sha256 or _NOTHING
    yield "Size", f"{source.width} × {source.height} px, {source.bit_depth} bits"
    varying = ", varying" if source.is_variable_rate else ""
    yield "Frame rate", f"{source.frame_rate} fps{varying}"
    yield "Length", f"{source.frame_count} frames, {source.duration_s:.3f} s"
    tags = f"{source.color_primaries}, {source.color_transfer}, {source.color_matrix}"
    yield "Colour", f"{tags}, {'full' if source.is_full_range else 'video'} range"
    if source.rotation_deg:
        yield "Rotation", f"{source.rotation_deg}° clockwise, applied"
    if source.timecode:
        yield "Timecode", source.timecode
    yield "Sound", audio


def _run_facts(manifest: Manifest) -> Iterable[tuple[str, str]]:
    yield "Detector", f"{manifest.detector}: {manifest.detector_reason}"
    yield "Device", f"{manifest.device}, {manifest.precision}"
    yield "Format", manifest.format
    yield "Alpha", manifest.alpha
    yield "Alpha store", f"{manifest.alpha_store_bytes / 1e6:.1f} MB"


def _weights(manifest: Manifest) -> str:
    if not manifest.weights:
        return "<p>No network was used.</p>"
    return _facts(
        (f"Weights {weights.name}", f"SHA-256 {weights.sha256 or 'unknown'}")
        for weights in manifest.weights
    )


def _facts(facts: Iterable[tuple[str, str]]) -> str:
    items = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    return f"<dl>{items}</dl>" if items else f"<p>{_NOTHING}</p>"


def _flattened(settings: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    """Yield `a.b` names with their values in words."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flattened(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", _in_words(value)


def _in_words(value: Any) -> str:
    if value is None or value == "":
        return _NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(_in_words(item) for item in value) or _NOTHING
    return str(value)


def _link(file: str) -> str:
    # "./" keeps a name with a colon from being read as a scheme.
    return f'<a href="./{escape(quote(file))}">{escape(file)}</a>'


def _frames_of(track: TrackRecord) -> str:
    if track.first_frame == track.last_frame:
        return f"frame {track.first_frame}"
    return f"frames {track.first_frame}–{track.last_frame}"


def _time_of(index: int, source: SourceRecord) -> float:
    """Return when a frame begins, in seconds; the mean rate where the clip's rate varies."""
    return index * source.duration_s / max(1, source.frame_count)


def _clock(time_s: float) -> str:
    """Return `3.84 s`, `1:02.5` or `1:00:02`."""
    if time_s < 60:
        return f"{_number(time_s)} s"
    tenths = round(time_s * 10)
    minutes, rest = divmod(tenths, 600)
    if minutes < 60:
        return f"{minutes}:{rest / 10:04.1f}" if rest % 10 else f"{minutes}:{rest // 10:02d}"
    return f"{minutes // 60}:{minutes % 60:02d}:{rest // 10:02d}"


def _rate(rate: str) -> str:
    """Return an exact rate as people say it: `30000/1001` is 29.97."""
    return _number(float(Fraction(rate)))


def _speed(frames_per_s: float) -> str:
    """Return three digits: 1.28, 30.9 or 320."""
    decimals = 2 if frames_per_s < 10 else 1 if frames_per_s < 100 else 0
    return f"{frames_per_s:.{decimals}f}"


def _number(value: float) -> str:
    """Return at most two decimals, without trailing zeros."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _badge_style(color: Rgb) -> str:
    return f"background:{css_color(color)};color:{css_color(text_color_on(color))}"
