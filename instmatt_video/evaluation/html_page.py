"""A page that needs nothing but itself: style, charts and pictures lie inside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from ..whole_file import write_whole
from .side_by_side import Panel

_STYLE = """
:root { color-scheme: light dark; --line: #8886; --bar: #3b7dd8; }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 76rem; }
body { margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
svg { margin: .4rem 1rem .4rem 0; font: 10px system-ui, sans-serif; }
svg text { fill: currentColor; } svg .t { font-weight: 600; font-size: 11px; }
svg rect { fill: var(--bar); } svg line { stroke: currentColor; stroke-width: .5; }
.case { border-top: 1px solid var(--line); padding: .6rem 0; }
.case p { margin: .1rem 0 .4rem; }
figure { display: inline-block; margin: 0 .6rem 0 0; vertical-align: top; }
figure img { display: block; background: #000; }
figcaption { font-size: .75rem; opacity: .75; }
"""


def draw_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return an HTML table."""
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def draw_case(title: str, panels: Sequence[Panel]) -> str:
    """Return one case: a line of text and its pictures side by side."""
    figures = "".join(
        f'<figure><img src="{panel.url}" alt="{escape(panel.caption)}">'
        f"<figcaption>{escape(panel.caption)}</figcaption></figure>"
        for panel in panels
    )
    return f'<div class="case"><p>{escape(title)}</p>{figures}</div>'


def write_page(path: Path, title: str, sections: Iterable[tuple[str, str]]) -> None:
    """Write a page of (heading, HTML) sections.

    Raises:
        AlphaWriteError: The file cannot be written.
    """
    body = "".join(f"<h2>{escape(heading)}</h2>{content}" for heading, content in sections)
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{escape(title)}</h1>{body}</body></html>\n"
    )
    write_whole(path, page)
