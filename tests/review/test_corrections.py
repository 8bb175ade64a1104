"""Corrections of casts: by hand, and by what must hold of all of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from instmatt_video.config import OutputConfig
from instmatt_video.correction import Correction, Drop, Merge, Rename, Split, Swap
from instmatt_video.errors import OptionError, first_complaint
from instmatt_video.people.identities import Cast
from instmatt_video.review.corrections import corrected_cast, corrections_of, output_after
from tests.review.made_casts import holdings, made_cast

FRAMES = range(1, 41)


@pytest.fixture
def cast() -> Cast:
    """Person 1 has tracklets 3 and 5, person 2 has 4, person 3 has 8; 6 is nobody's."""
    return made_cast(
        {
            1: {3: range(0, 10), 5: range(20, 30)},
            2: {4: range(5, 25)},
            3: {8: range(30, 40)},
        },
        {6: range(12, 14)},
    )


def frames_of(cast: Cast, number: int) -> list[int]:
    (identity,) = [i for i in cast.identities if i.track_id == number]
    return identity.visible.tolist()


def same(one: Cast, two: Cast) -> bool:
    """Say whether two casts are one to the bit."""
    return (
        repr(one.identities) == repr(two.identities)
        and one.visible_tracklets == two.visible_tracklets
        and one.origins == two.origins
    )


class TestByHand:
    def test_nothing_changes_nothing(self, cast: Cast) -> None:
        assert same(corrected_cast(cast, (), FRAMES), cast)
        nobody = made_cast({})
        assert same(corrected_cast(nobody, (), range(0)), nobody)

    def test_merge(self, cast: Cast) -> None:
        merged = corrected_cast(cast, [Merge(track=1, other=3)], FRAMES)
        assert [i.track_id for i in merged.identities] == [1, 2]
        assert frames_of(merged, 1) == [*range(0, 10), *range(20, 40)]
        assert merged.identities[0].spans == ((0, 9), (20, 39))
        assert merged.identities[0].tracklet_ids == {3, 5, 8}

    def test_split_between_tracklets_divides_none(self, cast: Cast) -> None:
        split = corrected_cast(cast, [Split(track=1, frame=15)], FRAMES)
        assert split.origins == {}
        assert frames_of(split, 1) == [*range(0, 10)]
        assert frames_of(split, 4) == [*range(20, 30)]
        assert split.identities[-1].name == "person_04"

    def test_split_inside_a_tracklet(self, cast: Cast) -> None:
        split = corrected_cast(cast, [Split(track=2, frame=11)], FRAMES)
        # Frame 11 of the clip is the eleventh: number 10 from 0.
        assert frames_of(split, 2) == [*range(5, 10)]
        assert frames_of(split, 4) == [*range(10, 25)]
        assert split.origins == {9: 4}
        assert [split.counting_part(4, f) for f in (4, 9, 10, 24, 25)] == [None, 4, 9, 9, None]
        assert split.rest([1, 2, 3]) == {6, 9}

    def test_frames_count_as_the_source_counts(self, cast: Cast) -> None:
        split = corrected_cast(cast, [Split(track=2, frame=1011)], range(1001, 1041))
        assert frames_of(split, 4) == [*range(10, 25)]

    def test_swap(self, cast: Cast) -> None:
        swapped = corrected_cast(cast, [Swap(track=1, other=2, frame=9)], FRAMES)
        assert holdings(swapped) == {
            1: ("person_01", {3: [*range(0, 8)], 4: [*range(8, 25)]}),
            2: ("person_02", {3: [8, 9], 4: [5, 6, 7], 5: [*range(20, 30)]}),
            3: ("person_03", {8: [*range(30, 40)]}),
        }

    def test_a_dropped_person_is_in_the_rest(self, cast: Cast) -> None:
        dropped = corrected_cast(cast, [Drop(track=2)], FRAMES)
        assert [i.track_id for i in dropped.identities] == [1, 3]
        assert dropped.rest([1, 3]) == {4, 6}

    def test_half_a_tracklet_can_be_dropped(self, cast: Cast) -> None:
        halved = corrected_cast(cast, [Split(track=2, frame=11), Drop(track=4)], FRAMES)
        (part,) = halved.rest([1, 2, 3]) - {6}
        assert halved.visible_tracklets[part] == frozenset(range(10, 25))
        assert halved.origin_of(part) == 4

    def test_rename(self, cast: Cast) -> None:
        renamed = corrected_cast(cast, [Rename(track=2, name=" Anna ")], FRAMES)
        assert [i.name for i in renamed.identities] == ["person_01", "Anna", "person_03"]
        assert renamed.visible_tracklets == cast.visible_tracklets

    def test_scores_and_best_frames_are_of_the_person_that_results(self, cast: Cast) -> None:
        split = corrected_cast(cast, [Split(track=2, frame=13)], FRAMES)
        second, newcomer = split.identities[1], split.identities[3]
        # Frames 10 and 20 score 0.95, all others 0.9; 5..11 and 12..24 are the shares.
        assert (second.best_frame, newcomer.best_frame) == (10, 20)
        assert second.mean_score == pytest.approx((6 * 0.9 + 0.95) / 7)
        assert newcomer.mean_score == pytest.approx((12 * 0.9 + 0.95) / 13)

    def test_a_part_that_was_never_detected_is_somebody(self) -> None:
        cast = made_cast({1: {1: range(0, 8)}})
        for frame in range(5, 8):
            del cast.sightings[1][frame]
        newcomer = corrected_cast(cast, [Split(track=1, frame=6)], range(1, 9)).identities[1]
        assert (newcomer.mean_score, newcomer.best_frame) == (0.0, 5)


class TestErrors:
    @pytest.mark.parametrize(
        ("correction", "words"),
        [
            (Drop(track=7), "there is no person 7; there is 1, 2, 3"),
            (Merge(track=1, other=7), "there is no person 7"),
            (Merge(track=2, other=2), "that is one person"),
            (Swap(track=2, other=2, frame=8), "that is one person"),
            (Split(track=1, frame=0), "frame 0 is outside the clip, whose frames are 1 to 40"),
            (Split(track=1, frame=41), "frame 41 is outside the clip"),
            (Split(track=2, frame=6), "seen in frames 6 to 25, and both people need some"),
            (Split(track=2, frame=26), "seen in frames 6 to 25"),
            (Swap(track=1, other=2, frame=35), "neither is seen from that frame on"),
            (Swap(track=2, other=3, frame=28), "nothing would be left of 3"),
        ],
    )
    def test_one_clear_line(self, cast: Cast, correction: Correction, words: str) -> None:
        with pytest.raises(OptionError, match=words):
            corrected_cast(cast, [correction], FRAMES)

    def test_who_is_gone_stays_gone(self, cast: Cast) -> None:
        with pytest.raises(OptionError, match="there is no person 2; there is 1, 3"):
            corrected_cast(cast, [Merge(track=1, other=2), Rename(track=2, name="x")], FRAMES)

    @pytest.mark.parametrize("name", ["", "   ", "a\nb", "x" * 81, "a\x7f"])
    def test_names_that_cannot_be(self, name: str) -> None:
        with pytest.raises(ValidationError):
            Rename(track=1, name=name)

    @pytest.mark.parametrize(
        "name",
        [
            pytest.param("a\x1b[2Jb", id="escape"),
            pytest.param("a\x9b2Jb", id="escape in one"),
            pytest.param("a\x85b", id="next line"),
            pytest.param("a\u2028b", id="end of a line"),
            pytest.param("a\u202eb", id="right to left"),
            pytest.param("a\u2067b", id="right to left for a while"),
        ],
    )
    def test_names_that_could_forge_a_line(self, name: str) -> None:
        with pytest.raises(ValidationError) as refused:
            Rename(track=1, name=name)
        words = first_complaint(refused.value)
        assert words == f"name: {name!r} has a character that nobody could see in a name"
        assert words.isprintable()

    @pytest.mark.parametrize(
        "name",
        [
            pytest.param("\u200b\u200b", id="spaces of no width"),
            pytest.param("\u200d", id="joiner alone"),
            pytest.param("\u00ad \ufe0f", id="hyphen that is not shown"),
        ],
    )
    def test_names_that_nobody_could_see(self, name: str) -> None:
        with pytest.raises(ValidationError, match="has no character that anybody could see"):
            Rename(track=1, name=name)

    @pytest.mark.parametrize(
        "name",
        [
            pytest.param("\U0001f98a", id="picture"),
            pytest.param("\u5c71\u7530\u3000\u592a\u90ce", id="wide space"),
            pytest.param("\u0645\u06cc\u200c\u0646\u0627", id="joiner"),
            pytest.param("\u05d3\u05d5\u05d3", id="right to left by itself"),
        ],
    )
    def test_names_are_spelled_as_people_spell_them(self, name: str) -> None:
        assert Rename(track=1, name=name).name == name

    @pytest.mark.parametrize(
        "data",
        [
            {"kind": "merge", "track": 0, "other": 1},
            {"kind": "merge", "track": 1},
            {"kind": "drop", "track": 1, "frame": 3},
            {"kind": "explode", "track": 1},
            {"track": 1},
        ],
    )
    def test_data_that_is_no_correction(self, data: dict[str, object]) -> None:
        with pytest.raises(ValidationError):
            TypeAdapter(Correction).validate_python(data)


class TestFoundAnew:
    """Somebody is found between persons 1 and 2 of before, whose tracklets are 3, 5 and 4."""

    PEOPLE = ((3, 5), (4,))
    FOUND = made_cast(
        {
            1: {3: range(0, 10), 5: range(20, 30)},
            2: {9: range(3, 8)},
            3: {4: range(5, 25), 6: range(30, 33)},
            4: {8: range(30, 40)},
        }
    )

    def test_everybody_is_corrected_who_was(self) -> None:
        before = (
            Split(track=1, frame=15),  # 3, the first new number of before, is 5 now
            Rename(track=3, name="Anna"),
            Split(track=3, frame=28),
            Merge(track=4, other=2),
            Swap(track=1, other=4, frame=9),
        )
        assert corrections_of(self.FOUND, before, self.PEOPLE) == (
            Split(track=1, frame=15),
            Rename(track=5, name="Anna"),
            Split(track=5, frame=28),
            Merge(track=6, other=3),
            Swap(track=1, other=6, frame=9),
        )

    def test_the_same_people_have_the_same_corrections(self, cast: Cast) -> None:
        before = (Split(track=3, frame=35), Drop(track=4), Drop(track=2))
        people = [person.tracklet_ids for person in cast.identities]
        assert corrections_of(cast, before, people) == before
        assert corrections_of(made_cast({}), (), ()) == ()

    @pytest.mark.parametrize(
        "people",
        [
            pytest.param(((3,), (5,), (4,)), id="two are one now"),
            pytest.param(((3, 5, 9), (4,)), id="one is two now"),
            pytest.param(((3, 5, 7), (4,)), id="a part is nobody's now"),
        ],
    )
    def test_nobody_else_is_corrected(self, people: tuple[tuple[int, ...], ...]) -> None:
        with pytest.raises(OptionError, match="person 1 was corrected and is found as other"):
            corrections_of(self.FOUND, [Drop(track=1)], people)
        others = [Drop(track=len(people))]
        assert corrections_of(self.FOUND, others, people) == (Drop(track=3),)


class TestOnly:
    def only(self, cast: Cast, only: tuple[int, ...], *corrections: Correction) -> tuple[int, ...]:
        return output_after(OutputConfig(only=only), cast, corrections).only

    def test_who_is_split_off_is_chosen_too(self, cast: Cast) -> None:
        split = Split(track=1, frame=15), Split(track=2, frame=11)
        assert self.only(cast, (1, 3), *split, Drop(track=3)) == (1, 4)

    def test_whom_a_chosen_person_is_merged_into_is_chosen(self, cast: Cast) -> None:
        assert self.only(cast, (2, 3), Merge(track=1, other=2)) == (1, 3)
        assert self.only(cast, (1, 3), Merge(track=1, other=2)) == (1, 3)
        assert self.only(cast, (3,), Merge(track=1, other=2)) == (3,)

    def test_everybody_stays_everybody(self, cast: Cast) -> None:
        assert self.only(cast, (), Split(track=1, frame=15), Drop(track=2)) == ()

    def test_nobody_left_is_not_everybody(self, cast: Cast) -> None:
        with pytest.raises(OptionError, match="asked for 2 only"):
            self.only(cast, (2,), Drop(track=2))


@st.composite
def histories(draw: st.DrawFn) -> tuple[Cast, list[Correction]]:
    """Return a cast and corrections that are possible one after the other."""
    base = made_cast(
        {
            n: {n: range(first, first + length)}
            for n in range(1, draw(st.integers(1, 3)) + 1)
            for first, length in [(draw(st.integers(0, 20)), draw(st.integers(2, 20)))]
        }
    )
    history: list[Correction] = []
    number, frame = st.integers(1, 6), st.integers(1, 40)
    for _ in range(draw(st.integers(1, 6))):
        correction = draw(
            st.one_of(
                st.builds(Merge, track=number, other=number),
                st.builds(Split, track=number, frame=frame),
                st.builds(Drop, track=number),
                st.builds(Rename, track=number, name=st.sampled_from(["Anna", "Bert"])),
                st.builds(Swap, track=number, other=number, frame=frame),
            )
        )
        try:
            corrected_cast(base, [*history, correction], FRAMES)
        except OptionError:
            continue
        history.append(correction)
    return base, history


class TestInvariants:
    @settings(max_examples=40, deadline=None)
    @given(histories())
    def test_every_frame_of_every_tracklet_has_one_place(
        self, made: tuple[Cast, list[Correction]]
    ) -> None:
        base, history = made
        cast = corrected_cast(base, history, FRAMES)
        for tracklet, frames in base.visible_tracklets.items():
            parts = [p for p in cast.visible_tracklets if cast.origin_of(p) == tracklet]
            places = sorted(f for p in parts for f in cast.visible_tracklets[p])
            assert places == sorted(frames)
        owned = [t for i in cast.identities for t in i.tracklet_ids]
        assert len(owned) == len(set(owned))
        for identity in cast.identities:
            counted = frozenset[int]().union(
                *(cast.visible_tracklets[t] for t in identity.tracklet_ids)
            )
            assert sorted(counted) == identity.visible.tolist() != []

    @settings(max_examples=40, deadline=None)
    @given(histories())
    def test_numbers_are_never_used_again(self, made: tuple[Cast, list[Correction]]) -> None:
        base, history = made
        seen: set[int] = set()
        before = {i.track_id for i in base.identities}
        for length in range(1, len(history) + 1):
            now = {i.track_id for i in corrected_cast(base, history[:length], FRAMES).identities}
            seen |= before
            assert not (now - before) & seen
            before = now

    @settings(max_examples=40, deadline=None)
    @given(histories(), st.integers(1, 40))
    def test_what_is_swapped_twice_is_as_before(
        self, made: tuple[Cast, list[Correction]], frame: int
    ) -> None:
        base, history = made
        cast = corrected_cast(base, history, FRAMES)
        numbers = [i.track_id for i in cast.identities][:2]
        if len(numbers) < 2:
            return
        swap = Swap(track=numbers[0], other=numbers[1], frame=frame)
        try:
            twice = corrected_cast(base, [*history, swap, swap], FRAMES)
        except OptionError:
            return
        assert same(twice, cast)

    def test_merged_and_split_back(self) -> None:
        base = made_cast({1: {1: range(0, 10)}, 2: {2: range(15, 30)}})
        back = corrected_cast(base, [Merge(track=1, other=2), Split(track=1, frame=12)], FRAMES)
        assert holdings(back) == {
            1: ("person_01", {1: [*range(0, 10)]}),
            3: ("person_03", {2: [*range(15, 30)]}),
        }

    def test_split_and_merged_back_is_the_same_cast(self, cast: Cast) -> None:
        back = corrected_cast(cast, [Split(track=2, frame=11), Merge(track=2, other=4)], FRAMES)
        assert same(back, cast)
        assert np.array_equal(back.identities[1].visible, cast.identities[1].visible)
