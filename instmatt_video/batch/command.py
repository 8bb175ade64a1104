"""`instmatt-video batch`: many clips with the options of the main job."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import BatchError, OptionError, disk_errors

if TYPE_CHECKING:
    from .job import Engine

ENGINES = ("processes", "ray")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the batch's own options to those of the main job, which are there already."""
    # A list's columns are called like the main job's options, and only those.
    parser.set_defaults(option_actions=dict(parser._option_string_actions))
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="INPUT",
        help="clip, folder of clips or of folders of frames, pattern, or list (.csv, .jsonl)",
    )
    group = parser.add_argument_group("the batch")
    group.add_argument("--jobs", type=int, metavar="N", help="clips at once (default: 1)")
    group.add_argument(
        "--shard", default="1/1", metavar="I/N", help="do the I-th of N parts of the clips"
    )
    group.add_argument(
        "--by-folder",
        dest="is_by_folder",
        action="store_true",
        help="keep the name of the folder that a clip lies in",
    )
    group.add_argument("--engine", choices=ENGINES, default=ENGINES[0])
    group = parser.add_argument_group("with --engine ray")
    group.add_argument(
        "--ray-address", metavar="ADDRESS", help="of a cluster; without it this machine is one"
    )
    group.add_argument(
        "--cpus-per-clip", type=int, default=2, metavar="N", help="cores (default: 2)"
    )
    group.add_argument(
        "--gpus-per-clip",
        type=float,
        metavar="N",
        help="GPUs, or a share of one (default: 1 where the cluster has any)",
    )
    group.add_argument(
        "--segment-frames",
        type=int,
        default=500,
        metavar="N",
        help="split clips at cuts into pieces of N frames at least; 0: never (default: 500)",
    )


def run(args: argparse.Namespace) -> int:
    """Matte all clips and return the exit status.

    Raises:
        BatchError: Some clips failed; the others are done.
        OptionError: Something asked for cannot be; no clip was touched.
        VideoOpenError: An input holds no clip.
    """
    from ..console import make_console, set_up_logging
    from ..settings import flags_of, setting_defaults
    from .clip_list import columns_of
    from .inputs import find_clips
    from .plan import parse_shard, plan_jobs
    from .record import RecordFile
    from .run import run_batch
    from .view import BatchView

    shard = parse_shard(args.shard)
    clips = find_clips(args.inputs, columns_of(args.option_actions, setting_defaults()))
    all_jobs = plan_jobs(
        clips, args.out_dir, flags_of(args), args.config, is_by_folder=args.is_by_folder
    )
    jobs = shard.part_of(all_jobs)
    engine = _engine(args)
    with disk_errors(args.out_dir):
        args.out_dir.mkdir(parents=True, exist_ok=True)
    console = make_console()
    set_up_logging(console, args.is_verbose, args.is_quiet)
    file = RecordFile(Path(args.out_dir), args.engine, shard, jobs)
    record = run_batch(jobs, engine, file, BatchView(console, args.is_quiet, jobs))
    if args.is_json:
        print(record.model_dump_json(indent=2))
    failed = record.count("failed")
    if failed:
        raise BatchError(f"{failed} of {len(jobs)} clips failed: {file.path} says why")
    return 0


def _engine(args: argparse.Namespace) -> Engine:
    if args.engine == "processes":
        from .processes import ProcessEngine

        jobs = 1 if args.jobs is None else args.jobs
        if jobs < 1:
            raise OptionError(f"--jobs must be 1 or more, not {jobs}")
        return ProcessEngine(jobs)
    if args.jobs is not None:
        raise OptionError("--jobs is for this machine's processes: Ray counts cores and GPUs")
    from .ray_engine import RayEngine

    return RayEngine(
        args.ray_address,
        cpus_per_clip=args.cpus_per_clip,
        gpus_per_clip=args.gpus_per_clip,
        segment_frames=args.segment_frames,
    )
