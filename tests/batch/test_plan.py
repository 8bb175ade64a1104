"""From clips to jobs: settings, folders, shards."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instmatt_video.batch.inputs import RequestedClip
from instmatt_video.batch.plan import Shard, parse_shard, plan_jobs
from instmatt_video.errors import OptionError

OUT = Path("/out")


def clips(*paths: str) -> list[RequestedClip]:
    return [RequestedClip(path) for path in paths]


def test_each_clip_goes_on_where_it_was(tmp_path: Path) -> None:
    (job,) = plan_jobs(clips("/in/walk.mp4"), OUT, {"matting.matte_size": 256})
    assert job.folder == OUT / "walk"
    assert (job.config.matting.matte_size, job.config.run.is_resumed) == (256, True)
    for flag in ("run.is_overwriting", "run.is_online"):
        (job,) = plan_jobs(clips("/in/walk.mp4"), OUT, {flag: True})
        assert not job.config.run.is_resumed


def test_a_row_goes_before_the_command_line() -> None:
    row = RequestedClip("/in/a.mp4", {"matting.matte_size": 128}, "l.csv:2")
    first, second = plan_jobs([row, *clips("/in/b.mp4")], OUT, {"matting.matte_size": 256})
    assert (first.config.matting.matte_size, second.config.matting.matte_size) == (128, 256)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"matting.matte_size": 7}, r"l\.csv:4: .*matte_size must be in 64..4096"),
        ({"output.format": "gif"}, r"l\.csv:4: .*gif"),
    ],
)
def test_a_bad_row_is_named_before_work_starts(options: dict, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        plan_jobs([RequestedClip("/in/a.mp4", options, "l.csv:4")], OUT, {})


def test_one_output_for_two_clips_is_refused() -> None:
    with pytest.raises(OptionError, match=r"would both be written to .*: use --by-folder, or a li"):
        plan_jobs(clips("/in/a/walk.mp4", "/in/b/walk.mp4"), OUT, {})
    for is_by_folder in (False, True):  # would not help
        with pytest.raises(OptionError, match=r"would both be written to .*: use a list with"):
            pair = clips("/in/walk.mp4", "/in/Walk.mov")
            plan_jobs(pair, OUT, {}, is_by_folder=is_by_folder)
    with pytest.raises(OptionError, match="would both be written to"):
        plan_jobs(clips("/in/zo\u00eb.mp4", "/in/zoe\u0308.mov"), OUT, {})
    jobs = plan_jobs(clips("/in/a/walk.mp4", "/in/b/walk.mp4"), OUT, {}, is_by_folder=True)
    assert [job.folder for job in jobs] == [OUT / "a/walk", OUT / "b/walk"]
    row = RequestedClip("/in/b/walk.mp4", {"out_dir": Path("day2")})
    jobs = plan_jobs([*clips("/in/a/walk.mp4"), row], OUT, {})
    assert [job.folder for job in jobs] == [OUT / "walk", OUT / "day2/walk"]


@given(st.integers(1, 12), st.lists(st.integers(), unique=True, max_size=60))
def test_every_clip_is_in_exactly_one_shard(count: int, items: list[int]) -> None:
    shards = [Shard(number, count).part_of(items) for number in range(1, count + 1)]
    assert sorted(item for shard in shards for item in shard) == sorted(items)
    sizes = [len(shard) for shard in shards]
    assert max(sizes) - min(sizes) <= 1


def test_shards_are_read() -> None:
    assert parse_shard("2/8") == Shard(2, 8)
    for text, most in (("0/4", 4), ("5/4", 4), ("1/0", 1)):
        with pytest.raises(ValueError, match=f"must be 1/{most} to {most}/{most}, not {text}"):
            parse_shard(text)
    for text in ("1", "a/b", "-1/3", ""):
        with pytest.raises(ValueError, match="is no shard as 2/8"):
            parse_shard(text)
