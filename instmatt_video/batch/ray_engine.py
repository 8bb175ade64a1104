"""The engine of a cluster: clips, and segments of long ones, are tasks of Ray.

The driver only keeps the books; whatever reads frames runs on workers. They need the package, and
clips and outputs under the same paths as here. A task whose worker dies is run again by Ray and
goes on where the store ends.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..errors import InstMattVideoError, OptionError
from ..extras import require_extra
from ..progress import Progress
from .cluster_work import ClipPlan, NoticeBoard, analyse_part, finish_clip, plan_clip
from .job import ClipJob, Listener, Outcome
from .segments import Segment

if TYPE_CHECKING:
    from ..networks import NetworkProvider

MAX_RETRIES = 2
"""How often a task is run again after its worker died."""
POLL_S = 0.5
GRACE_S = 30.0
ANSWER_S = 10.0
"""How long a cluster may take to accept a connection; Ray itself would try for minutes."""


class RayEngine:
    """Works through clips on a Ray cluster; an `Engine`.

    Args:
        address: Of the cluster; `None` takes the one that Ray finds, else starts one here.
        cpus_per_clip: Cores of a task.
        gpus_per_clip: GPUs of a task, or a share of one; `None` is 1 where the cluster has any.
        segment_frames: Clips are split at cuts into segments of so many frames at least; 0 never.
        provide_networks: Where workers get networks from, unless from the configs' weights, which
            are read once, here.

    Raises:
        OptionError: Ray is not installed.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        cpus_per_clip: int = 2,
        gpus_per_clip: float | None = None,
        segment_frames: int = 500,
        provide_networks: NetworkProvider | None = None,
    ) -> None:
        if cpus_per_clip < 1:
            raise ValueError(f"cpus_per_clip must be 1 or more, not {cpus_per_clip}")
        if gpus_per_clip is not None and not 0 <= gpus_per_clip < inf:
            raise ValueError(f"gpus_per_clip must be 0 or more, not {gpus_per_clip}")
        if segment_frames < 0:
            raise ValueError(f"segment_frames must be 0 or more, not {segment_frames}")
        require_extra("ray", "the engine ray")
        import ray

        self.ray: Any = ray
        self._address = address
        self.cpus, self._gpus = cpus_per_clip, gpus_per_clip
        self.segment_frames = segment_frames
        self._provide = provide_networks
        self._handed_over: dict[tuple[str, ...], Any] = {}

    def run(self, jobs: Sequence[ClipJob], listener: Listener) -> None:
        """Work through all clips; see `Engine`."""
        ray, is_ours = self.ray, not self.ray.is_initialized()
        if is_ours:
            self._connect()
        try:
            _Driver(self, jobs, listener).run()
        finally:
            self._handed_over.clear()
            if is_ours:
                ray.shutdown()

    def _connect(self) -> None:
        place = self._address or "this machine"
        try:
            _knock(self._address)
            self.ray.init(
                address=self._address,
                log_to_driver=False,
                **({} if self._address else {"include_dashboard": False}),
            )
        except Exception as error:  # where its processes do not start Ray raises no other class
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise OptionError(f"no Ray cluster at {place}: {lines[0]}") from error
        needed = {"CPU": float(self.cpus), "GPU": self.gpus_of_task()}
        there = self.ray.cluster_resources()
        for kind, count in needed.items():
            # Such a task would wait for ever; a cluster may still grow.
            if not self._address and count > there.get(kind, 0):
                raise OptionError(
                    f"a clip needs {count:g} {kind}s and this machine has {there.get(kind, 0):g}"
                )

    def gpus_of_task(self) -> float:
        """Return the GPUs of a task that runs networks."""
        if self._gpus is not None:
            return self._gpus
        return 1.0 if self.ray.cluster_resources().get("GPU", 0) else 0.0

    def remote(self, function: Any, gpus: float) -> Any:
        """Return a function that runs on a worker with its cores and GPUs."""
        return self.ray.remote(num_cpus=self.cpus, num_gpus=gpus, max_retries=MAX_RETRIES)(function)

    def hand_over(self, job: ClipJob) -> Any:
        """Return the reference to a clip's networks in the object store; each is put there once.

        Raises:
            WeightsError: They are missing or damaged.
        """
        from ..networks import load_weights

        config = job.config
        which = () if self._provide else (config.matting.model, config.detection.detector)
        if which not in self._handed_over:
            self._handed_over[which] = self.ray.put(self._provide or load_weights(config))
        return self._handed_over[which]


def _knock(address: str | None) -> None:
    """Connect to the port of an address, where it names one.

    Raises:
        OSError: Nobody answers.
    """
    parts = urlsplit(address if address and "://" in address else f"//{address or ''}")
    if parts.hostname and parts.port:
        socket.create_connection((parts.hostname, parts.port), ANSWER_S).close()


@dataclass(frozen=True)
class _Post:
    """Hangs a worker's progress on the notice board; a `Report`."""

    board: Any
    index: int
    first_frame: int

    def __call__(self, progress: Progress) -> None:
        self.board.post.remote(self.index, self.first_frame, progress)


@dataclass
class _Clip:
    """What the driver knows of a clip that is not over."""

    plan: ClipPlan
    fingerprints: dict[int, dict[str, Any]] = field(default_factory=dict)
    """Of its stores, by segment's first frame."""
    notices: dict[int, Progress] = field(default_factory=dict)
    """Newest of each segment."""


class _Driver:
    """One run of the engine: knows which task of which clip comes next.

    Args:
        engine: Resources and networks.
        jobs: The clips.
        listener: Is told.
    """

    def __init__(self, engine: RayEngine, jobs: Sequence[ClipJob], listener: Listener) -> None:
        self._engine, self._jobs, self._listener = engine, jobs, listener
        self._ray = engine.ray
        gpus = engine.gpus_of_task()
        self._plan = engine.remote(plan_clip, 0)
        self._analyse = engine.remote(analyse_part, gpus)
        self._finish = engine.remote(finish_clip, gpus)
        # Its machine may be lost; another takes it then.
        self._board = self._ray.remote(num_cpus=0, max_restarts=-1)(NoticeBoard).remote()
        self._clips: dict[int, _Clip] = {}
        self._started: set[int] = set()
        self._tasks: dict[Any, tuple[int, Segment | None]] = {}
        """What runs or waits for a worker: reference → clip, segment."""

    def run(self) -> None:
        """Submit, wait and go on until no task is left."""
        for index, job in enumerate(self._jobs):
            task = self._plan.remote(
                job, self._engine.segment_frames, self._engine.cpus, self._post(index)
            )
            self._tasks[task] = index, None
        try:
            while self._tasks:
                ready, _ = self._ray.wait(list(self._tasks), timeout=POLL_S)
                self._pass_on_notices()
                for task in ready:
                    if task in self._tasks:
                        self._go_on(*self._tasks.pop(task), self._result(task))
        except KeyboardInterrupt:
            tasks = list(self._tasks)
            self._drop(tasks)
            _, deaf = self._ray.wait(tasks, num_returns=len(tasks), timeout=GRACE_S)
            for task in deaf:  # its worker is killed, which a store bears at any moment
                self._ray.cancel(task, force=True)
            self._ray.wait(tasks, num_returns=len(tasks), timeout=GRACE_S)
            raise

    def _post(self, index: int, first_frame: int = 0) -> _Post:
        return _Post(self._board, index, first_frame)

    def _result(self, task: Any) -> Any:
        try:
            return self._ray.get(task)
        except self._ray.exceptions.RayError as error:
            reason = str(error).strip().splitlines()[0]
            return Outcome("failed", error=f"its worker failed: {reason}", exit_status=1)

    def _go_on(self, index: int, segment: Segment | None, result: Any) -> None:
        """Take a task's result and submit what comes next."""
        self._start(index)
        if isinstance(result, Outcome):
            self._drop([task for task, (other, _) in self._tasks.items() if other == index])
            self._clips.pop(index, None)
            self._listener.finished(index, result)
            return
        if isinstance(result, ClipPlan):
            clip = self._clips[index] = _Clip(result)
        else:
            assert segment is not None  # only a segment's analysis gives a fingerprint
            clip = self._clips[index]
            clip.fingerprints[segment.first] = result
        try:
            networks = self._engine.hand_over(self._jobs[index])
        except InstMattVideoError as error:
            self._go_on(index, None, Outcome.of_error(error))
            return
        is_split = len(clip.plan.segments) > 1
        if is_split and isinstance(result, ClipPlan):
            for part in result.segments:
                post = self._post(index, part.first)
                task = self._analyse.remote(result, part, networks, self._engine.cpus, post)
                self._tasks[task] = index, part
        elif not is_split or len(clip.fingerprints) == len(clip.plan.segments):
            task = self._finish.remote(
                clip.plan,
                list(clip.fingerprints.values()),
                networks,
                self._engine.cpus,
                self._post(index),
            )
            self._tasks[task] = index, None

    def _drop(self, tasks: list[Any]) -> None:
        """Stop tasks whose result nobody waits for."""
        for task in tasks:
            self._tasks.pop(task)
            self._ray.cancel(task)

    def _start(self, index: int) -> None:
        if index not in self._started:
            self._started.add(index)
            self._listener.started(index)

    def _pass_on_notices(self) -> None:
        for (index, first_frame), progress in self._notices().items():
            self._start(index)
            clip = self._clips.get(index)
            if clip is not None and len(clip.plan.segments) > 1 and progress.stage == "analyse":
                clip.notices[first_frame] = progress
                progress = Progress(
                    "analyse",
                    sum(notice.done for notice in clip.notices.values()),
                    clip.plan.segments[-1].stop,
                    sum(notice.people for notice in clip.notices.values()),
                )
            self._listener.progressed(index, progress)

    def _notices(self) -> dict[tuple[int, int], Progress]:
        """Return what the board has got since; nothing where it is lost: no clip waits for it."""
        notices: dict[tuple[int, int], Progress] = {}
        with suppress(self._ray.exceptions.RayError):
            notices = self._ray.get(self._board.take.remote())
        return notices
