"""`instmatt-video live`: a camera, a stream or a clip at its own pace, matted and shown."""

from __future__ import annotations

import argparse
import json
import logging
import math
import sys
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ..arguments import add_talk_options, named_folder
from ..config import MatteConfig
from ..detection.detector import mask_folder
from ..errors import OptionError
from ..matting.options import add_device_options
from .address import DEFAULT_ADDRESS, parse_address
from .view_choice import KEYS, VIEWS, ViewChoice, ViewControl

if TYPE_CHECKING:
    from ..matting.matter import Matter
    from .backgrounds import Backgrounds
    from .capture import Capture
    from .session import Output
    from .work_level import PaceKeeper

logger = logging.getLogger(__name__)

DEFAULT_GOAL_FPS = 12.0
_MAX_SIDE_PX = 65_535
# Looking for small people takes as long as all else of a detection.
_DEFAULTS = {"detection.finds_small_people": False}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options; those of detection and matting are the main job's."""
    parser.epilog = f"keys in the window: {KEYS}"
    # A recording is an online run: no alpha store, nothing to resume.
    parser.set_defaults(**{"run.is_online": True, "output.has_preview": False})
    _add_source_options(parser.add_argument_group("what comes in"))
    _add_view_options(parser.add_argument_group("what is shown"))
    _add_output_options(parser.add_argument_group("where it is shown (default: a window)"))
    _add_work_options(parser.add_argument_group("work"))
    add_talk_options(parser)


def _add_source_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--source",
        required=True,
        metavar="SOURCE",
        help="camera number, /dev/videoN, rtsp://… or another address, or a file at its own pace",
    )
    group.add_argument(
        "--loop", dest="is_looped", action="store_true", help="a file begins again at its end"
    )
    group.add_argument(
        "--max-side",
        type=int,
        default=1280,
        metavar="PX",
        help="larger pictures are scaled down as they come (default: 1280)",
    )
    group.add_argument("--frames", type=int, metavar="N", help="stop after N frames were shown")
    group.add_argument("--seconds", type=float, metavar="S", help="stop after S seconds")


def _add_view_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--view", choices=VIEWS, default=VIEWS[0], help=f"default: {VIEWS[0]}")
    group.add_argument(
        "--background",
        dest="backgrounds",
        action="append",
        default=[],
        metavar="WHAT",
        help="of the cut-out: blur, a colour (#rrggbb, green), an image or a video; "
        "several can be switched between",
    )
    group.add_argument("--solo", type=int, metavar="N", help="show this person alone")


def _add_output_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--window", dest="has_window", action="store_true", help="a window beside the others"
    )
    group.add_argument(
        "--serve",
        nargs="?",
        const=DEFAULT_ADDRESS,
        metavar="[HOST:]PORT",
        help=f"a web page (default: {DEFAULT_ADDRESS}; extra web)",
    )
    group.add_argument(
        "--virtual-camera",
        dest="has_virtual_camera",
        action="store_true",
        help="a camera for other programs (extra vcam)",
    )
    group.add_argument(
        "--record", type=named_folder, metavar="DIR", help="write the main job's alpha streams"
    )
    group.add_argument("--format", dest="output.format", metavar="NAME", help="of the recording")
    group.add_argument(
        "--overwrite",
        dest="run.is_overwriting",
        action="store_true",
        default=None,
        help="replace an earlier recording",
    )


def _add_work_options(group: argparse._ArgumentGroup) -> None:
    default = MatteConfig()
    group.add_argument(
        "--goal-fps",
        type=float,
        default=DEFAULT_GOAL_FPS,
        metavar="FPS",
        help=f"do less work a frame where this is missed (default: {DEFAULT_GOAL_FPS:g})",
    )
    group.add_argument(
        "--no-adapt",
        dest="is_adapting",
        action="store_false",
        help="always do all the work that is asked for",
    )
    group.add_argument(
        "--detector",
        dest="detection.detector",
        metavar="NAME",
        help=f"auto, compact, maskrcnn or a weights file (default: {default.detection.detector})",
    )
    group.add_argument(
        "--detect-every",
        dest="detection.detect_every",
        type=int,
        metavar="N",
        help="detect in every N-th frame at most",
    )
    group.add_argument("--model", dest="matting.model", metavar="NAME")
    group.add_argument(
        "--matte-size",
        dest="matting.matte_size",
        type=int,
        metavar="PX",
        help=f"longest side of a person at most (default: {default.matting.matte_size})",
    )
    add_device_options(group)
    group.add_argument("--config", type=Path, metavar="TOML", help="file with settings")


def run(args: argparse.Namespace) -> int:
    """Show the source live until it ends, somebody quits (Ctrl-C too), or enough was shown.

    Raises:
        VideoOpenError: The source cannot be opened.
        OptionError: Something asked for cannot be.
        DeviceError: There is no virtual camera, or not the device that was asked for.
        AlphaWriteError: The recording cannot be written.
    """
    # Before PyAV: behind its X libraries OpenCV's window waits for ever.
    import cv2  # noqa: F401

    from ..console import make_console, set_up_logging
    from ..settings import flags_of, resolve_config

    _check(args)
    set_up_logging(make_console(), args.is_verbose, args.is_quiet)
    config = resolve_config(flags_of(args), args.config, defaults=_DEFAULTS)
    if mask_folder(config.detection.detector) is not None:
        raise OptionError(
            "live takes no masks:DIR: it leaves out frames, and masks would be other frames'; "
            "matte the clip without `live`"
        )
    address = None if args.serve is None else parse_address(args.serve)

    from ..networks import load_networks
    from ..people.finder import PeopleFinder
    from ..signals import asked_to_end
    from .backgrounds import Backgrounds
    from .capture import Capture
    from .live_matter import LiveMatter
    from .recording import Recording, check_recording
    from .session import LiveSession

    with ExitStack() as stack:
        capture = Capture(args.source, is_looped=args.is_looped, max_side_px=args.max_side)
        stack.callback(capture.stop)
        info = capture.info
        if args.record is not None:
            check_recording(args.record, info, args.source, config)
        backgrounds = Backgrounds(args.backgrounds, info.width, info.height)
        stack.callback(backgrounds.close)
        choice = ViewChoice(args.view, backgrounds.names[0], args.solo)
        control = ViewControl(choice, backgrounds.names)
        outputs = _open_outputs(args, address, capture, control, backgrounds, stack)
        networks = load_networks(config, info)
        logger.info("%s", networks.reason)
        finder = PeopleFinder(networks.detector)
        # From here on a signal ends nothing by itself: what is recorded gets whole first.
        is_asked_to_end = stack.enter_context(asked_to_end())
        recording = None
        if args.record is not None:
            recording = Recording(args.record, info, args.source, config, networks)
        pace = _pace(args, config, float(info.frame_rate), str(networks.matter.device))
        write = None if recording is None else recording.write
        matter = cast("Matter", networks.matter)  # nobody has handed in another
        session = LiveSession(
            capture,
            LiveMatter(finder, matter, pace, write),
            control,
            backgrounds,
            outputs,
        )
        try:
            session.run(args.frames, args.seconds, is_asked_to_end)
        finally:
            if recording is not None:
                recording.close(finder.finish())
    _report(args, session.shown, asdict(session.figures))
    return 0


def _check(args: argparse.Namespace) -> None:
    """Raise where a number is out of its range."""
    if not 16 <= args.max_side <= _MAX_SIDE_PX:
        raise OptionError(f"--max-side must be in 16..{_MAX_SIDE_PX} pixels, not {args.max_side}")
    for name in ("goal_fps", "frames", "seconds", "solo"):
        value = getattr(args, name)
        if value is not None and not 0 < value < math.inf:  # NaN neither
            option = "--" + name.replace("_", "-")
            raise OptionError(f"{option} must be a number above 0, not {value}")


def _open_outputs(
    args: argparse.Namespace,
    address: tuple[str, int] | None,
    capture: Capture,
    control: ViewControl,
    backgrounds: Backgrounds,
    stack: ExitStack,
) -> list[Output]:
    """Return the outputs that were asked for; the stack closes them."""
    info = capture.info
    outputs: list[Output] = []

    def add(output: Output) -> None:
        outputs.append(output)
        stack.callback(output.close)

    has_others = address or args.has_virtual_camera or args.record
    if args.has_window or not has_others:
        from .window import Window

        add(Window(control, info.width, info.height))
    if address is not None:
        from .page import LivePage

        page = LivePage(control, backgrounds, *address)
        add(page)
        print(f"open {page.url} (Ctrl-C ends)", file=sys.stderr, flush=True)
    if args.has_virtual_camera:
        from .virtual_camera import VirtualCamera

        camera = VirtualCamera(info.width, info.height, args.goal_fps)
        add(camera)
        print(f"virtual camera: {camera.device}", file=sys.stderr, flush=True)
    return outputs


def _pace(
    args: argparse.Namespace, config: MatteConfig, source_fps: float, device: str
) -> PaceKeeper:
    """Return who chooses the work of each frame."""
    from .work_level import MODEST_STEP, PaceKeeper, WorkLevel, work_levels

    best = WorkLevel(
        config.detection.detect_every,
        config.matting.matte_size,
        config.matting.has_refinement,
        config.matting.has_solved_edges,
        config.matting.has_second_look,
    )
    levels = work_levels(best) if args.is_adapting else (best,)
    goal_fps = min(args.goal_fps, source_fps)
    return PaceKeeper(levels, 1 / goal_fps, MODEST_STEP if device == "cpu" else 0)


def _report(args: argparse.Namespace, shown: int, figures: dict[str, object]) -> None:
    if args.is_json:
        print(json.dumps({"frames": shown, **figures}, indent=2))
    elif not args.is_quiet:
        print(
            f"{shown} frames shown, {figures['fps']:.1f} frames/s, "
            f"{figures['latency_ms']:.0f} ms from capture to showing",
            file=sys.stderr,
        )
