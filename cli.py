"""The command line: arguments to a config, one API call, an exit status.

`instmatt-video CLIP --out-dir FOLDER` is the main job; the other commands are words in its place.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import takewhile
from pathlib import Path
from typing import Any

from . import __version__
from .arguments import add_talk_options
from .errors import DeviceError, InstMattVideoError, OptionError, is_out_of_memory
from .job_options import add_job_options
from .signals import ended_alike_by_any_signal

INTERRUPTED = 130
FAILED = 1
USAGE = 2


@dataclass(frozen=True)
class Command:
    """A word in place of a clip."""

    purpose: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; errors become one line on stderr."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        parser, run = _build(words)
    except OptionError as error:
        _complain(error, argparse.Namespace())
        return error.exit_status
    try:
        args = parser.parse_args(words)
    except SystemExit as stop:  # argparse has printed its line
        return int(stop.code or 0)
    try:
        with ended_alike_by_any_signal():
            return run(args)
    except KeyboardInterrupt:
        print(f"stopped{_what_is_kept(args)}", file=sys.stderr)
        return INTERRUPTED
    except InstMattVideoError as error:
        _complain(error, args)
        return error.exit_status
    except BrokenPipeError:
        # Whoever read our output is gone; the interpreter must not complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        _complain(error, args)
        return FAILED
    except (ValueError, TypeError) as error:
        _complain(error, args)
        return USAGE
    except Exception as error:  # memory's want has a class of its own in every library
        if not is_out_of_memory(error):
            raise
        _complain(DeviceError(f"not enough memory: {' '.join(str(error).split())}"), args)
        return DeviceError.exit_status


def _what_is_kept(args: argparse.Namespace) -> str:
    command = getattr(args, "command", None)
    if command == "tracks":
        return "; the streams are as they were: render again"
    if command == "train":
        if args.network == "cutouts":
            return "; who is cut out by now is kept"
        if not _import("training", ".command").is_resumable(args):
            return "; there is no checkpoint yet to go on from"
        return "; the same command goes on from the last checkpoint"
    if command == "batch":
        word = " without --overwrite" if getattr(args, "run.is_overwriting") else ""
        return f"; what is finished is kept: the same command{word} goes on"
    if command == "live":
        return ""  # stopped before or after its recording, which ends whole
    if not hasattr(args, "run.is_online"):
        return ""
    if getattr(args, "run.is_online"):
        return "; nothing is kept of an online run"
    return "; finished chunks are kept: --resume goes on"


def _complain(error: Exception, args: argparse.Namespace) -> None:
    if getattr(args, "is_verbose", False):
        import traceback

        traceback.print_exception(error)
    words = str(error)
    if isinstance(error, OSError) and error.strerror:
        words = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    print(f"instmatt-video: error: {words}", file=sys.stderr)


def _build(words: Sequence[str]) -> tuple[argparse.ArgumentParser, Callable[..., int]]:
    _refuse_dashed(words)
    commands = _commands()
    word = words[0] if words and not words[0].startswith("-") else None
    if word is not None and word not in commands:
        _refuse_misspelt(word, commands)
    if word in commands:
        command = commands[word]
        parser = argparse.ArgumentParser(
            prog=f"instmatt-video {word}", description=command.purpose, allow_abbrev=False
        )
        parser.add_argument("command", choices=[word], help=argparse.SUPPRESS)
        command.add_arguments(parser)
        return parser, command.run
    listing = "\n".join(f"  {name:<14} {command.purpose}" for name, command in commands.items())
    parser = argparse.ArgumentParser(
        prog="instmatt-video",
        description="One alpha stream per person: detect, track and matte everybody in a video.",
        epilog=f"other commands, in place of CLIP:\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_matte_arguments(parser)
    return parser, _run_matte


def _refuse_misspelt(word: str, commands: Iterable[str]) -> None:
    """Raise where a word in place of a clip is no path and much like a command."""
    similar = get_close_matches(word, commands, 1, cutoff=0.8)
    if similar and word.replace("-", "").isalpha() and not Path(word).exists():
        raise OptionError(f"{word} is neither a clip nor a command: is {similar[0]} meant?")


def _refuse_dashed(words: Iterable[str]) -> None:
    """Raise where a word that would be read as an option is a file's name."""
    for word in takewhile(lambda word: word != "--", words):
        if word.startswith("-") and Path(word).suffix and os.path.exists(word):
            raise OptionError(f"{word} would be read as an option: write ./{word}")


def _add_matte_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "clip",
        metavar="CLIP",
        help="video file, folder of frames, pattern (%%04d, #### or *), or - for standard input",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    add_job_options(parser)


def _run_matte(args: argparse.Namespace) -> int:
    return run_job(args.clip, args)


def run_job(clip: str | Path, args: argparse.Namespace) -> int:
    """Matte one clip with the options of `add_job_options`; return the exit status."""
    from .console import ProgressView, make_console, set_up_logging
    from .pipeline import matte_video
    from .settings import flags_of, resolve_config

    config = resolve_config(flags_of(args), args.config)
    console = make_console()
    set_up_logging(console, args.is_verbose, args.is_quiet)
    with ProgressView(console, args.is_quiet) as view:
        manifest = matte_video(clip, args.out_dir, config, view.show)
    folder = args.out_dir / manifest.source.name
    if args.is_json:
        print(json.dumps(manifest.model_dump(mode="json"), indent=2))
    elif not args.is_quiet:
        people = len(manifest.tracks)
        noun = "person" if people == 1 else "people"
        speed = manifest.source.frame_count / max(manifest.wall_s, 1e-9)
        store = f"alpha store {manifest.alpha_store_bytes / 1e6:.1f} MB"
        store = "online" if config.run.is_online else store
        print(
            f"{people} {noun} in {manifest.source.frame_count} frames, "
            f"{manifest.wall_s:.1f} s ({speed:.2f} frames/s), "
            f"{store}: {folder}",
            file=sys.stderr,
        )
    return 0


def _commands() -> dict[str, Command]:
    return {
        "demo": Command("matte a clip made from a photograph", add_job_options, _run_demo),
        "live": Command("matte a camera or stream as it comes", _lazily("live"), _runner("live")),
        "batch": Command("matte many clips", _add_batch_arguments, _runner("batch")),
        "tracks": Command(
            "list, merge, split, drop, rename, swap people; render again",
            _lazily("review", ".tracks_command"),
            _runner("review", ".tracks_command"),
        ),
        "review": Command(
            "correct the people of a clip on a web page",
            _lazily("review"),
            _runner("review"),
        ),
        "compose": Command(
            "put finished streams over a background", _lazily("compose"), _runner("compose")
        ),
        "export": Command("networks as ONNX or TorchScript", _lazily("export"), _runner("export")),
        "link": Command("track MOTChallenge detections alone", _add_link_arguments, _run_link),
        "train": Command(
            "train the matting network or the detector", _lazily("training"), _runner("training")
        ),
        "eval": Command(
            "measure mattes, matte videos or tracks", _lazily("evaluation"), _runner("evaluation")
        ),
        "predict-images": Command(
            "matte a folder of images",
            _lazily("evaluation", ".predict_images"),
            _runner("evaluation", ".predict_images"),
        ),
        "make-benchmark": Command(
            "composite images and clips with their truth",
            _lazily("evaluation", ".benchmark_maker"),
            _runner("evaluation", ".benchmark_maker"),
        ),
        "weights": Command(
            "list, fetch, verify, convert weights", _lazily("weights"), _runner("weights")
        ),
        "doctor": Command("check this machine", _lazily("doctor", ""), _runner("doctor", "")),
    }


def _lazily(package: str, module: str = ".command") -> Callable[[argparse.ArgumentParser], None]:
    """Return `add_arguments` of a command's module, imported when it is used."""

    def add_arguments(parser: argparse.ArgumentParser) -> None:
        _import(package, module).add_arguments(parser)

    return add_arguments


def _add_batch_arguments(parser: argparse.ArgumentParser) -> None:
    add_job_options(parser)
    _lazily("batch")(parser)


def _runner(package: str, module: str = ".command") -> Callable[[argparse.Namespace], int]:
    """Return `run` of a command's module, imported when it is used."""

    def run(args: argparse.Namespace) -> int:
        return int(_import(package, module).run(args))

    return run


def _import(package: str, module: str) -> Any:
    from importlib import import_module

    return import_module(f".{package}{module}", __package__)


def _run_demo(args: argparse.Namespace) -> int:
    import tempfile

    from .demo import make_demo_clip

    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "demo.mp4"
        make_demo_clip(clip)
        return run_job(clip, args)


def _add_link_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("detections", type=Path, help="MOTChallenge text: frame, -1, box, score")
    parser.add_argument("--out", type=Path, required=True, help="MOTChallenge text with ids")
    parser.add_argument("--online", action="store_true", help="use no later frames")
    add_talk_options(parser, has_json=False, has_quiet=False)


def _run_link(args: argparse.Namespace) -> int:
    from .link import link

    link(args.detections, args.out, args.online)
    return 0


if __name__ == "__main__":
    sys.exit(main())
