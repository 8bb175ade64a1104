"""Video quality from folders: both orders of frame and instance, our own streams, errors."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
from made_benchmarks import NUM_FRAMES, Clip, write_matte

from instmatt_video.evaluation.clip_layouts import ClipFiles, ClipStreams, open_clip
from instmatt_video.evaluation.errors import EvaluationError
from instmatt_video.evaluation.videos import evaluate_video


def write_vim(root: Path, clip: Clip, name: str = "a", pha: bool = True) -> Path:
    folder = root / name / "pha" if pha else root / name
    for n, frames in enumerate(clip):
        for t, alpha in enumerate(frames):
            write_matte(folder / f"{n:02d}" / f"{t:04d}.png", alpha)
    return root


def write_maggie(root: Path, clip: Clip, name: str = "a") -> Path:
    for n, frames in enumerate(clip):
        for t, alpha in enumerate(frames):
            write_matte(root / name / f"{t:04d}" / f"{n:02d}.png", alpha)
    return root


def write_stream(path: Path, frames: npt.NDArray[np.uint8]) -> None:
    """Write a lossless 16-bit matte stream, as `matte-ffv1` is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = frames.shape[2], frames.shape[1], "gray16le"
        for alpha in frames:
            frame = av.VideoFrame.from_ndarray(alpha.astype(np.uint16) * 257, format="gray16le")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def write_streams(root: Path, clip: Clip, name: str = "a") -> Path:
    for n, frames in enumerate(clip):
        write_stream(root / name / f"person_{n + 1:02d}.mkv", frames)
    return root


WRITERS = {"vim": write_vim, "maggie": write_maggie, "streams": write_streams}


@pytest.mark.parametrize("prediction", WRITERS)
@pytest.mark.parametrize("target", WRITERS)
def test_every_layout_reads_the_same_people(
    tmp_path: Path, clip: Clip, prediction: str, target: str
) -> None:
    WRITERS[prediction](tmp_path / "pred", clip)
    WRITERS[target](tmp_path / "gt", clip)
    evaluation = evaluate_video(tmp_path / "pred", tmp_path / "gt", jobs=1)
    assert evaluation.total.vmq == pytest.approx(1)
    found = evaluation.clips[0]
    assert found.num_frames == NUM_FRAMES
    assert found.identity.switches == 0
    assert [person.errors.moving_edge for person in found.people] == pytest.approx([0, 0], abs=1e-6)
    assert found.missed == found.invented == ()


def test_layouts_are_told_apart(tmp_path: Path, clip: Clip) -> None:
    write_vim(tmp_path / "vim", clip, pha=False)
    write_maggie(tmp_path / "maggie", clip)
    write_streams(tmp_path / "streams", clip)
    vim, maggie = open_clip(tmp_path / "vim" / "a"), open_clip(tmp_path / "maggie" / "a")
    assert isinstance(vim, ClipFiles) and isinstance(maggie, ClipFiles)
    assert len(vim.frames) == len(maggie.frames) == NUM_FRAMES
    assert vim.instances == maggie.instances == ("00", "01")
    assert isinstance(open_clip(tmp_path / "streams" / "a"), ClipStreams)


def test_as_many_people_as_frames_must_be_told(tmp_path: Path, clip: Clip) -> None:
    write_vim(tmp_path, clip[:, :2], pha=False)
    with pytest.raises(EvaluationError, match="--layout"):
        open_clip(tmp_path / "a")
    assert len(open_clip(tmp_path / "a", "vim").instances) == 2


def test_a_single_clip_needs_no_folder_around_it(tmp_path: Path, clip: Clip) -> None:
    write_streams(tmp_path / "pred", clip)
    write_vim(tmp_path / "gt", clip)
    evaluation = evaluate_video(tmp_path / "pred" / "a", tmp_path / "gt" / "a", jobs=1)
    assert evaluation.total.vmq == pytest.approx(1)


def test_processes_give_the_same_numbers(tmp_path: Path, clip: Clip) -> None:
    for name in ("a", "b", "c"):
        write_vim(tmp_path / "pred", clip // 2 * 2, name)
        write_maggie(tmp_path / "gt", clip, name)
    options = (tmp_path / "pred", tmp_path / "gt")
    assert evaluate_video(*options, jobs=2) == evaluate_video(*options, jobs=1)


def test_failures_are_named(tmp_path: Path, clip: Clip) -> None:
    elsewhere = np.roll(clip[1:], 17, axis=2)
    write_vim(tmp_path / "pred", np.concatenate([clip[:1], elsewhere]))
    write_vim(tmp_path / "gt", clip)
    found = evaluate_video(tmp_path / "pred", tmp_path / "gt", jobs=1).clips[0]
    assert (found.missed, found.invented) == (("01",), ("01",))


def test_nobody_predicted(tmp_path: Path, clip: Clip) -> None:
    write_vim(tmp_path / "gt", clip)
    (tmp_path / "pred" / "a" / "pha").mkdir(parents=True)
    found = evaluate_video(tmp_path / "pred", tmp_path / "gt", jobs=1).clips[0]
    assert (found.quality.vmq, found.quality.fn) == (0, 2)


def test_maggie_adds_its_metrics(tmp_path: Path, clip: Clip) -> None:
    write_vim(tmp_path / "pred", clip)
    write_maggie(tmp_path / "gt", clip)
    scores = evaluate_video(tmp_path / "pred", tmp_path / "gt", "maggie", jobs=1).maggie
    assert scores["MAD"].count == 2 * NUM_FRAMES
    assert scores["dtSSD"].count == 2 * (NUM_FRAMES - 1)
    assert scores["MESSDdt"].average == 0
    write_vim(tmp_path / "fewer", clip[:1])
    with pytest.raises(EvaluationError, match="fewer/a has 1 people"):
        evaluate_video(tmp_path / "fewer", tmp_path / "gt", "maggie", jobs=1)


# Errors name the file.


def test_a_missing_frame(tmp_path: Path, clip: Clip) -> None:
    write_vim(tmp_path, clip)
    (tmp_path / "a" / "pha" / "01" / "0002.png").unlink()
    with pytest.raises(EvaluationError, match=r"missing .*01/0002\.png"):
        open_clip(tmp_path / "a")


def test_a_missing_person_in_a_frame(tmp_path: Path, clip: Clip) -> None:
    write_maggie(tmp_path, clip)
    (tmp_path / "a" / "0003" / "01.png").unlink()
    with pytest.raises(EvaluationError, match=r"missing .*0003/01\.png"):
        open_clip(tmp_path / "a")


def test_clips_of_different_length(tmp_path: Path, clip: Clip) -> None:
    write_vim(tmp_path / "pred", clip[:, :-1])
    write_vim(tmp_path / "gt", clip)
    with pytest.raises(EvaluationError, match=r"pred/a has 4 frames, .*gt/a has more"):
        evaluate_video(tmp_path / "pred", tmp_path / "gt", jobs=1)


def test_streams_of_different_length(tmp_path: Path, clip: Clip) -> None:
    write_streams(tmp_path / "pred", clip)
    write_stream(tmp_path / "pred" / "a" / "person_02.mkv", clip[1, :3])
    write_vim(tmp_path / "gt", clip)
    with pytest.raises(EvaluationError, match=r"person_02\.mkv has 3 frames"):
        evaluate_video(tmp_path / "pred", tmp_path / "gt", jobs=1)


def test_another_size(tmp_path: Path, clip: Clip) -> None:
    write_vim(tmp_path / "pred", clip[:, :, 2:])
    write_vim(tmp_path / "gt", clip)
    with pytest.raises(EvaluationError, match=r"pred/a is 64x34, .*gt/a is 64x36"):
        evaluate_video(tmp_path / "pred", tmp_path / "gt", jobs=1)


def test_a_missing_clip(tmp_path: Path, clip: Clip) -> None:
    write_vim(tmp_path / "pred", clip, "a")
    write_vim(tmp_path / "gt", clip, "a")
    write_vim(tmp_path / "gt", clip, "b")
    with pytest.raises(EvaluationError, match=r"missing .*pred/b"):
        evaluate_video(tmp_path / "pred", tmp_path / "gt", jobs=1)


def test_a_broken_stream(tmp_path: Path, clip: Clip) -> None:
    write_streams(tmp_path / "pred", clip)
    (tmp_path / "pred" / "a" / "person_01.mkv").write_bytes(b"no video")
    write_vim(tmp_path / "gt", clip)
    with pytest.raises(EvaluationError, match=r"person_01\.mkv"):
        evaluate_video(tmp_path / "pred", tmp_path / "gt", jobs=1)
