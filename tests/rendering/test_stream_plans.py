"""Which streams are wanted, and what they are called."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from instmatt_video.config import OutputConfig
from instmatt_video.errors import OptionError
from instmatt_video.media.frame import ClipInfo
from instmatt_video.people.identities import Cast, cast_of
from instmatt_video.rendering.stream_plans import check_output, plan_streams
from instmatt_video.trackers import StitchConfig
from tests.made_records import alpha, frame_record, tracked

FRAMES = 12
INFO = ClipInfo("clip", None, 96, 64, Fraction(25), Fraction(1, 25), frame_count=FRAMES)
CONFIG = OutputConfig(format="matte-ffv1", has_preview=False)


@pytest.fixture
def cast() -> Cast:
    """Person 1 all the time, person 2 from frame 4 to 9."""
    records = []
    for k in range(FRAMES):
        people = [1, 2] if 4 <= k < 10 else [1]
        tracks = tuple(tracked(t, 50.0 * t - 42) for t in people)
        records.append(frame_record(k, tracks, tuple(alpha(t, 50 * t - 42) for t in people)))
    return cast_of(records, frozenset({1, 2}), StitchConfig(min_identity_frames=3))


class TestPlans:
    def test_a_stream_for_each_person(self, cast: Cast) -> None:
        plans = plan_streams(cast, INFO, FRAMES, CONFIG)
        assert [(p.track_id, p.file, p.first, p.last) for p in plans] == [
            (1, "person_01.mkv", 0, 11),
            (2, "person_02.mkv", 0, 11),
        ]

    def test_trimmed(self, cast: Cast) -> None:
        plans = plan_streams(cast, INFO, FRAMES, replace(CONFIG, is_trimmed=True))
        assert [(p.first, p.last) for p in plans] == [(0, 11), (4, 9)]

    def test_only_some_and_the_rest(self, cast: Cast) -> None:
        plans = plan_streams(cast, INFO, FRAMES, replace(CONFIG, only=(2,), has_rest=True))
        assert [(p.track_id, p.name, set(p.tracklet_ids)) for p in plans] == [
            (2, "person_02", {2}),
            (0, "rest", {1}),
        ]

    def test_nobody(self) -> None:
        empty = Cast((), {}, ())
        assert plan_streams(empty, INFO, FRAMES, CONFIG) == []
        assert plan_streams(empty, INFO, FRAMES, replace(CONFIG, only=(4,))) == []

    def test_a_track_that_nobody_has(self, cast: Cast) -> None:
        with pytest.raises(OptionError, match="there is no track 5; the clip has 1, 2"):
            plan_streams(cast, INFO, FRAMES, replace(CONFIG, only=(1, 5)))

    @pytest.mark.parametrize(
        ("config", "named"),
        [
            pytest.param({"filename": "{clip}.{ext}"}, "clip.mkv", id="each other"),
            pytest.param(
                {"filename": "Rest.{ext}", "only": (1,), "has_rest": True},
                "rest.mkv",
                id="the rest",
            ),
            pytest.param(
                {"filename": "re\u017ft.{ext}", "only": (1,), "has_rest": True},  # a long s
                "rest.mkv",
                id="the rest as a file system may fold it",
            ),
            pytest.param(
                {
                    "filename": "preview.{ext}",
                    "only": (1,),
                    "format": "matte-mp4",
                    "has_preview": True,
                },
                "preview.mp4",
                id="the preview",
            ),
        ],
    )
    def test_names_that_collide(self, cast: Cast, config: dict[str, object], named: str) -> None:
        with pytest.raises(OptionError, match=named):
            plan_streams(cast, INFO, FRAMES, replace(CONFIG, **config))  # type: ignore[arg-type]


class TestRefusedBeforeAnybodyIsFound:
    @pytest.mark.parametrize("only", [(), (1, 3)])
    def test_one_name_for_two(self, only: tuple[int, ...]) -> None:
        with pytest.raises(OptionError, match=r"use \{track\} in it"):
            check_output(replace(CONFIG, filename="person.{ext}", only=only), INFO)

    def test_one_name_is_enough_for_one(self) -> None:
        check_output(replace(CONFIG, filename="person.{ext}", only=(3,)), INFO)

    def test_the_name_of_the_rest(self) -> None:
        taken = replace(CONFIG, filename="rest.{ext}", only=(1,), has_rest=True)
        with pytest.raises(OptionError, match="another output of the clip"):
            check_output(taken, INFO)

    @pytest.mark.parametrize(
        ("template", "format"),
        [("preview.mp4/{track}.{ext}", "matte-mp4"), ("rest/{track}", "png")],
    )
    def test_a_folder_that_is_called_as_a_file_of_the_clip(
        self, template: str, format: str
    ) -> None:
        config = replace(CONFIG, filename=template, format=format, has_rest=True, has_preview=True)
        with pytest.raises(OptionError, match="another output of the clip"):
            check_output(config, INFO)

    def test_an_extension_of_another_format(self) -> None:
        with pytest.raises(OptionError):
            check_output(replace(CONFIG, filename="{track}.webm"), INFO)
