"""`instmatt-video review FOLDER`: the page on which people correct who is who.

`cli.py` mounts it with `add_arguments(parser)` and calls `run(args)`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ..arguments import add_talk_options

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8765


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser of `review` its folder, its clip and its address."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="what a run left of a clip")
    parser.add_argument("--source", type=Path, metavar="CLIP", help="where the clip lies now")
    parser.add_argument(
        "--host",
        default=DEFAULT_HOST,
        help="address to listen on; other than %(default)s (the default) demands a token, "
        "which is in the printed address",
    )
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help="%(default)s unless given; 0 is a free one"
    )
    parser.add_argument(
        "--no-browser", dest="opens_browser", action="store_false", help="only print the address"
    )
    add_talk_options(parser, has_json=False, has_quiet=False)


def run(args: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C; return the exit status."""
    from ..extras import require_extra
    from ..web.guard import guard, page_url
    from ..web.server import bind, serve

    require_extra("web", "this page")
    from .page import create_app
    from .session import Review
    from .source import find_source, refuse_captured

    review = Review(args.folder)
    record = review.manifest.source
    refuse_captured(record)
    if args.source is not None:
        find_source(record, args.source)
    app = create_app(review, args.source)
    with bind(args.host, args.port) as bound:
        port = bound.getsockname()[1]
        token = guard(app, args.host, port)
        serve(app, bound, page_url(args.host, port, token), args.opens_browser)
    return 0
