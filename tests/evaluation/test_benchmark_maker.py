"""Made benchmarks: deterministic, true, and evaluated end to end."""

from __future__ import annotations

import argparse
import errno
import hashlib
import json
import os
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from instmatt_video.errors import AlphaWriteError, OptionError
from instmatt_video.evaluation.benchmark_clips import ClipPlan, write_clip
from instmatt_video.evaluation.benchmark_maker import (
    BenchmarkConfig,
    add_arguments,
    make_benchmark,
    run,
)
from instmatt_video.evaluation.images import evaluate_images
from instmatt_video.evaluation.tracks import evaluate_tracks
from instmatt_video.evaluation.videos import evaluate_video
from instmatt_video.media.frame import ColorTags
from instmatt_video.media.matte_file import list_folders, list_mattes, read_mattes
from instmatt_video.media.source import open_source

CONFIG = BenchmarkConfig(
    num_images=2, num_clips=1, seed=5, image_size=(160, 96), clip_size=(128, 72), num_frames=16
)


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Four people of plain colours with soft edges, two backgrounds."""
    root = tmp_path_factory.mktemp("packs")
    rows, columns = np.mgrid[:160, :90].astype(np.float32)
    body = np.hypot((columns - 45) / 30, (rows - 100) / 55)
    head = np.hypot((columns - 45) / 14, (rows - 28) / 18)
    alpha = (255 * ((1 - np.minimum(body, head)) * 12).clip(0, 1)).astype(np.uint8)
    (root / "people").mkdir()
    (root / "places").mkdir()
    for k in range(4):
        color = np.full((160, 90, 3), 40 + 50 * k, np.uint8)
        cv2.imwrite(str(root / "people" / f"{k}.png"), np.dstack([color, alpha]))
    random = np.random.default_rng(0)
    for k in range(2):
        place = random.integers(60 * k, 120 + 60 * k, (20, 30, 3), np.uint8)
        cv2.imwrite(str(root / "places" / f"{k}.jpg"), cv2.resize(place, (300, 200)))
    return root / "people", root / "places"


@pytest.fixture(scope="module")
def made(packs: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made") / "bench"
    make_benchmark(*packs, out, CONFIG)
    return out


def read_video(made: Path) -> np.ndarray:
    """Return the clip's alphas, `(N, T, H, W)`."""
    folders = list_folders(made / "video" / "clip_01" / "pha")
    return np.stack([read_mattes(list_mattes(folder)) for folder in folders])


def test_the_same_seed_gives_the_same_bytes(
    packs: tuple[Path, Path], made: Path, tmp_path: Path
) -> None:
    make_benchmark(*packs, tmp_path / "again", CONFIG)

    def digest(root: Path) -> dict[str, str]:
        files = (path for path in root.rglob("*") if path.is_file())
        return {
            path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in files
        }

    assert digest(made) == digest(tmp_path / "again")


def test_more_images_begin_with_the_same_ones(
    packs: tuple[Path, Path], made: Path, tmp_path: Path
) -> None:
    config = BenchmarkConfig(num_images=3, num_clips=0, seed=5, image_size=(160, 96))
    make_benchmark(*packs, tmp_path / "more", config)
    for name in ("0001", "0002"):
        first, second = (root / "images" / f"{name}.png" for root in (made, tmp_path / "more"))
        assert first.read_bytes() == second.read_bytes()


def test_visible_alphas_share_each_pixel(made: Path) -> None:
    for folder in list_folders(made / "alphas"):
        alphas = read_mattes(list_mattes(folder))
        assert 1 <= len(alphas) <= 5
        # Eq. 2: they sum to 1 at most; each is rounded to 8 bits.
        assert alphas.sum(axis=0, dtype=np.int64).max() <= 255 + len(alphas)
        assert alphas.max(axis=(1, 2)).min() > 127
    video = read_video(made)
    assert video.sum(axis=0, dtype=np.int64).max() <= 255 + len(video)


@pytest.mark.parametrize("size", [(128, 72), (640, 480), (720, 576)], ids=str)
def test_clips_have_the_colours_that_were_drawn(tmp_path: Path, size: tuple[int, int]) -> None:
    colours = np.array([[200, 30, 40], [20, 180, 60], [40, 50, 210], [128, 128, 128]], np.uint8)
    image = np.repeat(np.tile(colours[None], (size[1], 1, 1)), size[0] // 4, axis=1)
    plan = ClipPlan(size, num_frames=2, num_people=0, shots=())
    write_clip(tmp_path / "clip.mp4", [image] * 2, plan, Fraction(25))
    with open_source(tmp_path / "clip.mp4") as source:
        frames = [frame.image for frame in source]
        assert source.info.color == ColorTags()
    middle = size[0] // 8 + np.arange(4) * size[0] // 4
    # Coding costs a level or two; the matrix of BT.601 in place of BT.709 costs twenty.
    for frame in frames:
        np.testing.assert_allclose(frame[size[1] // 2, middle].astype(int), colours, atol=3)


def test_people_move_enter_leave_and_there_is_a_cut(made: Path) -> None:
    record = json.loads((made / "benchmark.json").read_text())["clips"][0]
    video = read_video(made)
    assert video.shape == (len(record["people"]), 16, 72, 128)
    is_seen = (video > 127).any(axis=(2, 3))
    assert is_seen.any(axis=1).all()
    assert not is_seen.all()
    with av.open(str(made / "clips" / "clip_01.mp4")) as container:
        assert len(container.streams.audio) == 1
        pictures = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    assert len(pictures) == 16
    changes = [np.abs(a.astype(int) - b).mean() for a, b in pairwise(pictures)]
    assert int(np.argmax(changes)) + 1 == record["cut_frame"]


def test_truth_evaluates_to_one(made: Path) -> None:
    images = evaluate_images(made / "alphas", made / "alphas", pictures=made / "images", jobs=1)
    assert images.total.imq.grad == 1
    assert all(image.case.picture is not None for image in images.images)
    video = evaluate_video(made / "video", made / "video", jobs=1)
    assert video.total.vmq == pytest.approx(1)
    assert video.clips[0].identity.switches == 0


def test_the_boxes_are_a_truth_for_tracks(made: Path) -> None:
    pytest.importorskip("trackeval")
    truth = made / "video" / "clip_01" / "gt.txt"
    assert evaluate_tracks(truth, truth).total.hota == 1


def test_refusals(packs: tuple[Path, Path], made: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="not an empty folder"):
        make_benchmark(*packs, made, CONFIG)
    with pytest.raises(OptionError, match="no folder or tar"):
        make_benchmark(tmp_path / "nowhere", packs[1], tmp_path / "out", CONFIG)
    with pytest.raises(OptionError, match="needs an alpha channel"):
        make_benchmark(packs[1], packs[1], tmp_path / "out", CONFIG)
    with pytest.raises(OptionError, match=r"caf\\xe9: the name is not UTF-8"):
        make_benchmark(*packs, tmp_path / os.fsdecode(b"caf\xe9"), CONFIG)
    for size in ((0, 0), (32, 8193)):
        with pytest.raises(ValueError, match=f"32x32 to 8192x8192, not {size[0]}x{size[1]}"):
            replace(CONFIG, image_size=size)
    with pytest.raises(ValueError, match="clip_size must be even"):
        BenchmarkConfig(clip_size=(101, 64))


@pytest.mark.parametrize(("images", "clips"), [(1, 0), (0, 1), (0, 0)])
def test_a_place_that_may_not_be_written(
    images: int,
    clips: int,
    packs: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)  # an administrator may write everywhere
    config = replace(CONFIG, num_images=images, num_clips=clips)
    with pytest.raises(AlphaWriteError, match="out cannot be written: Permission denied"):
        make_benchmark(*packs, tmp_path / "out", config)


def test_the_command(packs: tuple[Path, Path], tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    words = ["--foregrounds", packs[0], "--backgrounds", packs[1], "--out", tmp_path / "out"]
    words += ["--images", 1, "--clips", 0, "--image-size", "96x64"]
    assert run(parser.parse_args([str(word) for word in words])) == 0
    assert len(list_mattes(tmp_path / "out" / "images")) == 1
    words += ["--frames", 1]
    with pytest.raises(OptionError, match="num_frames"):
        run(parser.parse_args([str(word) for word in words]))
    with pytest.raises(SystemExit):
        parser.parse_args([str(word) for word in [*words, "--clip-size", "big"]])
