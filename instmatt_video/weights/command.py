"""`instmatt-video weights`: list, fetch, verify, path, convert."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import OptionError, WeightsError
from ..whole_file import check_target, whole_file
from .cache import fetch, find_weights, verify, weights_path
from .registry import ENTRIES, WeightsEntry, find_entry, seal

MEGABYTE = 1_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions of the command and their arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="every known weights file, and whether it is here")
    fetching = actions.add_parser("fetch", help="fetch weights into the cache, and verify them")
    fetching.add_argument("name", choices=list(ENTRIES))
    fetching.add_argument(
        "--offline", action="store_true", help="never fetch; fail where the file is missing"
    )
    verifying = actions.add_parser("verify", help="compare files with their checksums")
    verifying.add_argument(
        "names", nargs="*", metavar="NAME", help="default: all that are here, and the embedded"
    )
    path = actions.add_parser("path", help="print where a weights file lies")
    path.add_argument("name", choices=list(ENTRIES))
    converting = actions.add_parser(
        "convert", help="turn the authors' released checkpoint into weights of this program"
    )
    converting.add_argument("checkpoint", type=Path, help="the .pth of the release (stage 2)")
    converting.add_argument(
        "--output", type=Path, help="the .safetensors to write; default: the cache, as `base`"
    )


def run(args: argparse.Namespace) -> int:
    """Run one action and return its exit status.

    Raises:
        WeightsError: Weights are missing, damaged, or cannot be fetched.
        OptionError: Converted weights cannot be called so.
        AlphaWriteError: They may not be written there.
    """
    if args.action == "list":
        _list()
    elif args.action == "fetch":
        print(fetch(find_entry(args.name), args.offline))
    elif args.action == "verify":
        _verify(args.names)
    elif args.action == "path":
        print(find_weights(args.name))
    else:
        print(_convert(args.checkpoint, args.output))
    return 0


def _list() -> None:
    for entry in ENTRIES.values():
        path = weights_path(entry)
        size = f"{path.stat().st_size / MEGABYTE:.1f} MB" if path.is_file() else "-"
        print(f"{entry.name:10} {_state(entry):9} {size:>9}  {entry.purpose}; {entry.licence}")
        print(f"{'':10} {path}")


def _state(entry: WeightsEntry) -> str:
    if not weights_path(entry).is_file():
        return "missing"
    try:
        verify(entry)
    except WeightsError:
        return "damaged"
    return "here"


def _verify(names: list[str]) -> None:
    entries = (
        [find_entry(name) for name in names]
        if names
        else [e for e in ENTRIES.values() if e.home == "package" or weights_path(e).is_file()]
    )
    failures = []
    for entry in entries:
        try:
            print(f"{entry.name}: {verify(entry)}")
        except WeightsError as error:
            failures.append(str(error))
    if failures:
        raise WeightsError("; ".join(failures))


def _convert(checkpoint: Path, output: Path | None) -> Path:
    # torch is heavy; the other actions do without.
    from instmatt_video.models.checkpoint import CheckpointError
    from instmatt_video.models.official_checkpoint import convert_official

    target = weights_path(find_entry("base")) if output is None else output
    if target.suffix != ".safetensors":
        raise OptionError(f"weights are written to a .safetensors file, not to {target}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        check_target(target)
        with whole_file(target) as temporary:
            convert_official(checkpoint, temporary)
    except (CheckpointError, OSError) as error:
        raise WeightsError(str(error)) from error
    if output is None:
        seal(target)
    return target
