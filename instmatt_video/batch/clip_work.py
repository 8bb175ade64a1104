"""One clip of a batch, from its job to its outcome; runs in a worker.

Knows the pipeline; knows nothing of other clips.
"""

from __future__ import annotations

import logging
import os
import time
from dataclasses import replace
from pathlib import Path

import cv2
import torch

from ..cores import CORES_VARIABLE
from ..errors import ManifestVersionError, VideoOpenError
from ..manifest import FILE_NAME as MANIFEST_FILE
from ..manifest import load_manifest
from ..networks import NetworkProvider
from ..pipeline import matte_video
from ..progress import Progress, Report
from ..rendering.online_streams import INCOMPLETE
from .finished import finished_manifest
from .job import ClipJob, Outcome

REPORT_INTERVAL_S = 0.25


def matte_clip(
    job: ClipJob, report: Report, provide_networks: NetworkProvider | None = None
) -> Outcome:
    """Return what came of a clip; no error leaves here.

    Args:
        job: The clip.
        report: Told of every frame; raises `KeyboardInterrupt` to stop the clip.
        provide_networks: Where the networks come from, unless from the config's weights.
    """
    try:
        config = job.config
        if not config.run.is_overwriting:
            manifest = finished_manifest(job)
            if manifest is not None:
                return Outcome.of_manifest("skipped", manifest)
            _set_aside_if_unreadable(job.folder)
            is_told_of = (job.folder / MANIFEST_FILE).exists()
            has_recording = any(job.folder.glob(f"*{INCOMPLETE}*"))  # nobody can make it again
            if config.run.is_online and not is_told_of and not has_recording:
                # What is left of an online run cannot be taken up.
                config = replace(config, run=replace(config.run, is_overwriting=True))
        manifest = matte_video(
            job.clip, job.folder.parent, config, report, provide_networks=provide_networks
        )
        return Outcome.of_manifest("done", manifest)
    except BaseException as error:  # one bad clip never stops the rest: it is told to the user
        return Outcome.of_error(error)


def _set_aside_if_unreadable(folder: Path) -> None:
    """Rename a damaged manifest: the clip is made again, and corrections in it can be looked up."""
    try:
        load_manifest(folder)
    except ManifestVersionError:
        raise  # what wrote it can read it
    except VideoOpenError:
        path = folder / MANIFEST_FILE
        if path.exists():
            path.replace(path.with_suffix(".damaged"))


def take_threads(count: int) -> None:
    """Keep this process to its share of the machine's cores."""
    os.environ[CORES_VARIABLE] = str(count)
    torch.set_num_threads(count)
    cv2.setNumThreads(count)


def keep_log_quiet() -> None:
    """Let a worker print nothing between the lines of the batch; a manifest holds all warnings."""
    log = logging.getLogger(__package__.partition(".")[0])
    log.addHandler(logging.NullHandler())
    log.propagate = False
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def now_and_then(report: Report) -> Report:
    """Return a report that passes on the first and last frame of a stage, and others rarely."""
    told: dict[str, float] = {}

    def rarely(progress: Progress) -> None:
        now = time.monotonic()
        is_due = now - told.get(progress.stage, float("-inf")) >= REPORT_INTERVAL_S
        if is_due or progress.done == progress.total:
            told[progress.stage] = now
            report(progress)

    return rarely
