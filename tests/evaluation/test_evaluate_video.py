"""Video quality from folders: both orders of frame and instance, our own streams, errors."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from instmatt_video.errors import EvaluationError
from instmatt_video.evaluation.clip_layouts import open_clip
from instmatt_video.evaluation.clip_readers import ClipFiles, ClipStreams
from instmatt_video.evaluation.videos import VideoProtocol, evaluate_video
from instmatt_video.manifest import Manifest, SourceRecord, TrackRecord
from tests.evaluation.made_benchmarks import NUM_FRAMES, Clip, write_matte


def write_vim(
    root: Path,
    clip: Clip,
    name: str = "a",
    pha: bool = True,
    *,
    first_person: int = 0,
    first_frame: int = 0,
) -> Path:
    folder = root / name / "pha" if pha else root / name
    for n, frames in enumerate(clip, first_person):
        for t, alpha in enumerate(frames, first_frame):
            write_matte(folder / f"{n:02d}" / f"{t:04d}.png", alpha)
    return root


def write_maggie(
    root: Path, clip: Clip, name: str = "a", *, first_person: int = 0, first_frame: int = 0
) -> Path:
    for n, frames in enumerate(clip, first_person):
        for t, alpha in enumerate(frames, first_frame):
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


def test_more_people_than_frames_are_told_by_their_names(tmp_path: Path, clip: Clip) -> None:
    few = np.concatenate([clip, clip[:1] // 2])[:, :2]
    for write in (write_vim, write_maggie):
        write(tmp_path / write.__name__, few)
        found = open_clip(tmp_path / write.__name__ / "a")
        assert found.instances == ("00", "01", "02")
    for name in ("anna", "ben", "carl"):
        write_matte(tmp_path / "named" / name / "7.png", clip[0, 0])
    assert open_clip(tmp_path / "named").instances == ("anna", "ben", "carl")


@pytest.mark.parametrize("shape", [(2, 2), (3, 2), (2, 12)], ids=str)
def test_names_that_do_not_tell_people_from_frames(
    tmp_path: Path, clip: Clip, shape: tuple[int, int]
) -> None:
    for n in range(shape[0]):
        for t in range(shape[1]):
            write_matte(tmp_path / f"{n}" / f"{t}.png", clip[0, 0])
    with pytest.raises(EvaluationError, match="--layout"):
        open_clip(tmp_path)
    assert len(open_clip(tmp_path, "vim").instances) == shape[0]
    assert len(open_clip(tmp_path, "maggie").instances) == shape[1]


@pytest.mark.parametrize("last", ["9", "12"])
def test_frames_without_zeros_may_have_fewer_digits_than_people(
    tmp_path: Path, clip: Clip, last: str
) -> None:
    for person in ("person_01", "person_02", "person_10"):
        for frame in ("8", last):
            write_matte(tmp_path / person / f"{frame}.png", clip[0, 0])
    with pytest.raises(EvaluationError, match=r"as person_01/8: say which are which"):
        open_clip(tmp_path)


@pytest.mark.parametrize(
    ("people", "frames"),
    [
        pytest.param(("1", "2"), ("0000", "0001"), id="people without zeros"),
        pytest.param(("2", "12"), ("0098", "0099"), id="people of two widths"),
        pytest.param(("01", "02"), ("1001", "1002"), id="frames that begin at 1001"),
        pytest.param(("01", "02"), ("999", "1000"), id="frames of two widths"),
        pytest.param(("anna", "ben"), ("8", "12"), id="names"),
    ],
)
def test_digits_tell_people_from_frames(
    tmp_path: Path, clip: Clip, people: tuple[str, ...], frames: tuple[str, ...]
) -> None:
    for person in people:
        for frame in frames:
            write_matte(tmp_path / "vim" / person / f"{frame}.png", clip[0, 0])
            write_matte(tmp_path / "maggie" / frame / f"{person}.png", clip[0, 0])
    assert open_clip(tmp_path / "vim").instances == people
    assert open_clip(tmp_path / "maggie").instances == people


def test_a_single_clip_needs_no_folder_around_it(tmp_path: Path, clip: Clip) -> None:
    write_streams(tmp_path / "pred", clip)
    write_vim(tmp_path / "gt", clip)
    evaluation = evaluate_video(tmp_path / "pred" / "a", tmp_path / "gt" / "a", jobs=1)
    assert evaluation.total.vmq == pytest.approx(1)


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
@pytest.mark.parametrize("stray", ["a/poster.png", "poster.png", "film.mp4"])
def test_stray_files_leave_a_set_of_clips_one(
    tmp_path: Path, clip: Clip, write: Callable[[Path, Clip, str], Path], stray: str
) -> None:
    for side in ("pred", "gt"):
        for name in ("a", "b"):
            write(tmp_path / side, clip, name)
    (tmp_path / "gt" / stray).write_bytes(b"not read")
    evaluation = evaluate_video(tmp_path / "pred", tmp_path / "gt", jobs=1)
    assert [found.name for found in evaluation.clips] == ["a", "b"]
    assert evaluation.total.vmq == pytest.approx(1)


@pytest.mark.parametrize("count", [1, NUM_FRAMES])
def test_copies_beside_a_person_leave_a_clip_one(tmp_path: Path, clip: Clip, count: int) -> None:
    for side in ("pred", "gt"):
        write_vim(tmp_path / side, clip, pha=False)
    for t, alpha in enumerate(clip[0, :count]):
        write_matte(tmp_path / "gt" / "a" / "00" / "old" / f"{t:04d}.png", alpha)
    evaluation = evaluate_video(tmp_path / "pred" / "a", tmp_path / "gt" / "a", jobs=1)
    assert [found.name for found in evaluation.clips] == ["a"]
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


@pytest.mark.parametrize("side", ["pred", "gt"])
def test_who_never_shows_is_named_where_they_count(tmp_path: Path, clip: Clip, side: str) -> None:
    with_blank = np.concatenate([clip, np.zeros_like(clip[:1])])
    for written in ("pred", "gt"):
        write_vim(tmp_path / written, with_blank if written == side else clip)
    strict = evaluate_video(tmp_path / "pred", tmp_path / "gt", jobs=1).clips[0]
    assert (strict.quality.fp, strict.quality.fn, strict.missed, strict.invented) == (0, 0, (), ())
    official = evaluate_video(tmp_path / "pred", tmp_path / "gt", "official", jobs=1).clips[0]
    blank = {"pred": (), "gt": (), side: ("02",)}
    assert (official.invented, official.missed) == (blank["pred"], blank["gt"])
    assert (official.quality.fp, official.quality.fn) == tuple(map(len, blank.values()))


@pytest.mark.parametrize(
    ("predicted", "mad"),
    [
        # In each frame the truth is 0.4 in 100 pixels and the matte in half of them, or elsewhere.
        pytest.param(np.s_[5:15, 10:15], 0.5, id="half of them"),
        pytest.param(np.s_[5:15, 30:40], 1.0, id="elsewhere"),
    ],
)
def test_a_person_who_is_nowhere_solid_is_0_to_1_wrong(
    tmp_path: Path, predicted: tuple[slice, slice], mad: float
) -> None:
    truth = np.zeros((1, 3, 36, 64), np.uint8)
    truth[..., 5:15, 10:20] = 102
    matte = np.zeros_like(truth)
    matte[..., *predicted] = 102
    write_vim(tmp_path / "pred", matte)
    write_vim(tmp_path / "gt", truth)
    (person,) = evaluate_video(tmp_path / "pred", tmp_path / "gt", jobs=1).clips[0].people
    assert person.mad == pytest.approx(mad)


def test_nobody_predicted(tmp_path: Path, clip: Clip) -> None:
    write_vim(tmp_path / "gt", clip)
    (tmp_path / "pred" / "a" / "pha").mkdir(parents=True)
    found = evaluate_video(tmp_path / "pred", tmp_path / "gt", jobs=1).clips[0]
    assert (found.quality.vmq, found.quality.fn) == (0, 2)


@pytest.mark.parametrize("protocol", ["strict", "maggie"])
def test_a_clip_of_nobody_is_left_out_of_means(
    tmp_path: Path, clip: Clip, protocol: VideoProtocol
) -> None:
    for side in ("pred", "gt"):
        write_vim(tmp_path / side, clip)
        (tmp_path / side / "b").mkdir()
        (tmp_path / side / "c" / "pha").mkdir(parents=True)
        (tmp_path / side / "d" / "0001").mkdir(parents=True)
    write_manifest(tmp_path / "pred" / "b", [], [], trim=True)
    evaluation = evaluate_video(tmp_path / "pred", tmp_path / "gt", protocol, jobs=1)
    assert (evaluation.total.vmq, evaluation.total.num_clips) == (1, 1)
    for nobody in evaluation.clips[1:]:
        assert math.isnan(nobody.quality.vmq) and math.isnan(nobody.identity.idf1)
        assert (nobody.quality.tp, nobody.quality.fp, nobody.quality.fn) == (0, 0, 0)
    official = evaluate_video(tmp_path / "pred", tmp_path / "gt", "official", jobs=1).total
    assert official.rq == pytest.approx(1 / 4)


@pytest.mark.parametrize("trim", [False, True])
def test_all_missed_and_all_invented(tmp_path: Path, clip: Clip, trim: bool) -> None:
    write_vim(tmp_path / "gt", clip)
    (tmp_path / "empty" / "a").mkdir(parents=True)
    (tmp_path / "ours" / "a").mkdir(parents=True)
    write_manifest(tmp_path / "ours" / "a", [], [], trim)
    for nobody in ("empty", "ours"):
        missed = evaluate_video(tmp_path / nobody, tmp_path / "gt", jobs=1).clips[0]
        assert (missed.quality.vmq, missed.missed, missed.num_frames) == (0, ("00", "01"), 5)
        invented = evaluate_video(tmp_path / "gt", tmp_path / nobody, jobs=1).clips[0]
        assert (invented.quality.vmq, invented.invented) == (0, ("00", "01"))


def test_a_folder_of_other_files_is_no_clip_of_nobody(tmp_path: Path) -> None:
    write_matte(tmp_path / "frames" / "0001.jpg", np.zeros((9, 9), np.uint8))
    with pytest.raises(EvaluationError, match="no alphas"):
        open_clip(tmp_path)


def test_the_threshold_counts_for_switches_too(tmp_path: Path, clip: Clip) -> None:
    whole, half = clip[:1].copy(), clip[:1].copy()
    whole[:, 3:], half[:, :3] = 0, 0
    half[half > 0] = 100  # soft IoU of about 0.4 with the person
    write_vim(tmp_path / "gt", clip[:1])
    write_vim(tmp_path / "pred", np.concatenate([whole, half]))
    for threshold, switches in ((0.5, 0), (0.3, 1)):
        evaluation = evaluate_video(
            tmp_path / "pred", tmp_path / "gt", iou_threshold=threshold, jobs=1
        )
        assert evaluation.clips[0].identity.switches == switches


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


@pytest.mark.parametrize("protocol", ["strict", "maggie"])
@pytest.mark.parametrize("write", [write_vim, write_maggie])
def test_people_of_other_names_are_told_of_where_they_are_paired_in_order(
    tmp_path: Path,
    clip: Clip,
    write: Callable[..., Path],
    protocol: VideoProtocol,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for name in ("a", "b"):
        write_vim(tmp_path / "gt", clip, name)
        write(tmp_path / "pred", clip, name, first_person=1)
    assert evaluate_video(tmp_path / "pred", tmp_path / "gt", protocol, jobs=1).total.vmq == 1
    if protocol == "maggie":
        (message,) = caplog.messages
        assert "people of 2 clips are paired in order" in message
        assert "pred/a 01 with 00 of the truth" in message
    else:
        assert caplog.messages == []


# Our own output.


def write_manifest(folder: Path, files: list[str], first_frames: list[int], trim: bool) -> None:
    tracks = tuple(
        TrackRecord(
            id=k + 1,
            name=f"person {k + 1}",
            file=file,
            first_frame=first,
            last_frame=NUM_FRAMES,
            frames_visible=NUM_FRAMES,
            spans=((first, NUM_FRAMES),),
            mean_score=0.9,
            thumbnail="",
        )
        for k, (file, first) in enumerate(zip(files, first_frames, strict=True))
    )
    source = SourceRecord(
        name="a",
        path=None,
        sha256=None,
        width=64,
        height=36,
        frame_rate="25",
        frame_count=NUM_FRAMES,
        duration_s=NUM_FRAMES / 25,
        color_primaries="bt709",
        color_transfer="bt709",
        color_matrix="bt709",
        is_full_range=False,
        bit_depth=8,
        rotation_deg=0,
        timecode=None,
        has_audio=False,
        is_variable_rate=False,
    )
    Manifest(
        program_version="0",
        created="2026-01-01T00:00:00Z",
        source=source,
        settings={"output": {"is_trimmed": trim}},
        detector="none",
        detector_reason="",
        weights=(),
        device="cpu",
        precision="fp32",
        format="matte-ffv1",
        alpha="matte alone, linear, full range",
        audio="",
        stages=(),
        wall_s=1.0,
        alpha_store_bytes=0,
        warnings=(),
        cuts=(),
        tracks=tracks,
    ).save(folder)


def test_trimmed_streams_stand_where_their_person_is(tmp_path: Path, clip: Clip) -> None:
    clip[1, :2] = 0
    write_vim(tmp_path / "gt", clip)
    folder = tmp_path / "pred" / "a"
    write_stream(folder / "person_01.mkv", clip[0])
    write_stream(folder / "person_02.mkv", clip[1, 2:])
    write_stream(folder / "preview.mkv", clip[0])
    write_manifest(folder, ["person_01.mkv", "person_02.mkv"], [1, 3], trim=True)
    evaluation = evaluate_video(tmp_path / "pred", tmp_path / "gt", jobs=1)
    assert evaluation.total.vmq == pytest.approx(1)
    assert evaluation.clips[0].prediction.instances == ("person_01", "person_02")


def test_a_stream_that_the_manifest_names_is_missing(tmp_path: Path, clip: Clip) -> None:
    write_stream(tmp_path / "person_01.mkv", clip[0])
    write_manifest(tmp_path, ["person_01.mkv", "person_02.mkv"], [1, 1], trim=False)
    with pytest.raises(EvaluationError, match=r"missing .*person_02\.mkv"):
        open_clip(tmp_path)
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(EvaluationError, match=r"manifest\.json"):
        open_clip(tmp_path)


def test_alpha_of_prores(tmp_path: Path, clip: Clip) -> None:
    write_vim(tmp_path / "gt", clip)
    for n, frames in enumerate(clip):
        path = tmp_path / "pred" / "a" / f"person_{n + 1:02d}.mov"
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(path), "w") as container:
            options = {"profile": "4444", "alpha_bits": "16"}
            stream = container.add_stream("prores_ks", rate=25, options=options)
            stream.width, stream.height, stream.pix_fmt = 64, 36, "yuva444p10le"
            for alpha in frames:
                frame = av.VideoFrame(64, 36, "yuva444p10le")
                for k, plane in enumerate(frame.planes):
                    codes = np.zeros((36, plane.line_size // 2), np.uint16)
                    codes[:, :64] = np.round(alpha / 255 * 1023) if k == 3 else 512
                    plane.update(codes.tobytes())
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    evaluation = evaluate_video(tmp_path / "pred", tmp_path / "gt", jobs=1)
    # 10 bits hold every 8-bit level to half a step of 1023.
    assert max(person.mad for person in evaluation.clips[0].people) < 0.5 / 1023
    assert evaluation.total.rq == pytest.approx(1)


def test_folders_of_rgba_pictures(tmp_path: Path, clip: Clip) -> None:
    write_vim(tmp_path / "gt", clip)
    for n, frames in enumerate(clip):
        for t, alpha in enumerate(frames):
            deep = alpha.astype(np.uint16) * 257
            rgba = np.dstack([np.full((*alpha.shape, 3), 9000, np.uint16), deep])
            folder = tmp_path / "pred" / "a" / f"person_{n + 1:02d}"
            write_matte(folder / f"{t + 1:06d}.png", rgba)
    write_manifest(tmp_path / "pred" / "a", ["person_01", "person_02"], [1, 1], trim=False)
    assert evaluate_video(tmp_path / "pred", tmp_path / "gt", jobs=1).total.vmq == pytest.approx(1)


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


@pytest.mark.parametrize("write", [write_vim, write_maggie])
@pytest.mark.parametrize("first_frame", [2, 7])
def test_frames_of_other_numbers_are_told_of(
    tmp_path: Path,
    clip: Clip,
    write: Callable[..., Path],
    first_frame: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    write_vim(tmp_path / "gt", clip)
    write(tmp_path / "pred", clip, first_frame=first_frame)
    assert evaluate_video(tmp_path / "pred", tmp_path / "gt", jobs=1).total.vmq == 1
    (message,) = caplog.messages
    assert "frames of 1 clips are paired in order" in message
    assert f"pred/a 000{first_frame} with 0000 of the truth" in message


def test_a_gap_in_the_frames_of_one_side_is_told_of(
    tmp_path: Path, clip: Clip, caplog: pytest.LogCaptureFixture
) -> None:
    write_vim(tmp_path / "gt", clip)
    write_vim(tmp_path / "pred", clip)
    for person in (tmp_path / "pred" / "a" / "pha").iterdir():
        (person / "0004.png").rename(person / "0005.png")
    evaluate_video(tmp_path / "pred", tmp_path / "gt", jobs=1)
    (message,) = caplog.messages
    assert "pred/a 0005 with 0004 of the truth" in message


@pytest.mark.parametrize(("predicted", "true"), [(0, 1), (1, 0), (5, 5)])
def test_frames_may_count_from_0_or_1(
    tmp_path: Path, clip: Clip, predicted: int, true: int, caplog: pytest.LogCaptureFixture
) -> None:
    write_vim(tmp_path / "pred", clip, first_frame=predicted)
    write_maggie(tmp_path / "gt", clip, first_frame=true)
    evaluate_video(tmp_path / "pred", tmp_path / "gt", jobs=1)
    assert caplog.messages == []


def test_frames_and_people_without_numbers_are_paired_in_order(
    tmp_path: Path, clip: Clip, caplog: pytest.LogCaptureFixture
) -> None:
    for side in ("pred", "gt"):
        for person, frames in zip(("anna", "ben"), clip, strict=True):
            for frame, alpha in zip("abcde", frames, strict=True):
                write_matte(tmp_path / side / "a" / "pha" / person / f"{frame}.png", alpha)
    evaluate_video(tmp_path / "pred", tmp_path / "gt", "maggie", jobs=1)
    assert caplog.messages == []


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


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_predictions_of_clips_that_the_truth_lacks_are_told_of(
    tmp_path: Path,
    clip: Clip,
    write: Callable[[Path, Clip, str], Path],
    caplog: pytest.LogCaptureFixture,
) -> None:
    write_vim(tmp_path / "gt", clip, "a")
    write(tmp_path / "pred", clip, "a")
    (tmp_path / "pred" / "logs").mkdir()
    assert evaluate_video(tmp_path / "pred", tmp_path / "gt", jobs=1).total.vmq == 1
    assert caplog.messages == []
    for name in ("c", "b"):
        write(tmp_path / "pred", clip, name)
    assert len(evaluate_video(tmp_path / "pred", tmp_path / "gt", jobs=1).clips) == 1
    (message,) = caplog.messages
    assert "pred: 2 predicted clips, b first, are not in " in message


def test_a_broken_stream(tmp_path: Path, clip: Clip) -> None:
    write_streams(tmp_path / "pred", clip)
    (tmp_path / "pred" / "a" / "person_01.mkv").write_bytes(b"no video")
    write_vim(tmp_path / "gt", clip)
    with pytest.raises(EvaluationError, match=r"person_01\.mkv"):
        evaluate_video(tmp_path / "pred", tmp_path / "gt", jobs=1)
