"""The report: what it says of a run, that it stands alone, and that names cannot break it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from instmatt_video.correction import Drop
from instmatt_video.manifest import (
    Manifest,
    SourceRecord,
    StageRecord,
    TrackRecord,
    WeightsRecord,
)
from instmatt_video.rendering.preview import color_of_track
from instmatt_video.rendering.report import render_report

SOURCE = SourceRecord(
    name="walk",
    path="clips/walk.mp4",
    sha256="ab" * 32,
    width=1920,
    height=1080,
    frame_rate="30000/1001",
    frame_count=200,
    duration_s=200 * 1001 / 30000,
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
THUMBNAIL = "data:image/jpeg;base64,AAAA"


def track(track_id: int, **changes: Any) -> TrackRecord:
    values: dict[str, Any] = {
        "id": track_id,
        "name": f"person_{track_id:02d}",
        "file": f"person_{track_id:02d}.mov",
        "first_frame": 1,
        "last_frame": 200,
        "frames_visible": 200,
        "spans": ((1, 200),),
        "mean_score": 0.875,
        "thumbnail": THUMBNAIL,
    }
    return TrackRecord(**(values | changes))


def manifest(*tracks: TrackRecord, **changes: Any) -> Manifest:
    values: dict[str, Any] = {
        "program_version": "0.1.0",
        "created": "2026-01-02T03:04:05Z",
        "source": SOURCE,
        "settings": {"output": {"format": "prores4444", "has_preview": True}, "frame_rate": None},
        "detector": "compact",
        "detector_reason": "It was asked for.",
        "weights": (WeightsRecord(name="lite", sha256="cd" * 32),),
        "device": "cpu",
        "precision": "fp32",
        "format": "prores4444",
        "alpha": "straight, linear, full range",
        "audio": "the clip has none",
        "stages": (
            StageRecord(name="decode", busy_s=4.0, frames=200),
            StageRecord(name="matte", busy_s=12.0, frames=200),
        ),
        "wall_s": 10.0,
        "alpha_store_bytes": 2_500_000,
        "warnings": (),
        "cuts": (),
        "tracks": tracks,
    }
    return Manifest(**(values | changes))


class Page(HTMLParser):
    """A page taken apart; refuses tags that do not match."""

    VOID = frozenset({"meta", "img", "br"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.text += data + " "

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


class TestWhatItSays:
    def test_the_run_in_one_line(self) -> None:
        text = Page(render_report(manifest(track(1), track(2)))).text
        assert "2 people · 200 frames · 6.67 s · 1920×1080 · 29.97 fps" in text

    def test_nobody_is_said_plainly(self) -> None:
        text = Page(render_report(manifest())).text
        assert "Nobody was found in this clip, so no stream was written." in text
        assert "nobody found · 200 frames" in text

    def test_the_rest_is_linked_where_there_is_one(self) -> None:
        left_out = track(2, file=None)
        page = Page(render_report(manifest(track(1), left_out, rest_file="rest.mov")))
        assert "Who has no stream of their own: rest.mov" in " ".join(page.text.split())
        assert {"href": "./rest.mov"} in page.attributes("a")

    def test_nobody_but_a_rest(self) -> None:
        page = Page(render_report(manifest(rest_file="rest.mov")))
        assert "Nobody was found in this clip." in page.text
        assert page.attributes("a") == [{"href": "./rest.mov"}]

    def test_who_was_dropped_by_hand_was_found(self) -> None:
        text = Page(render_report(manifest(rendered_corrections=(Drop(track=1),)))).text
        assert "Everybody who was found in this clip has been dropped by hand, so no" in text
        assert "nobody left · 200 frames" in text

    def test_one_person_is_no_people(self) -> None:
        assert "1 person ·" in Page(render_report(manifest(track(1)))).text

    def test_a_person_with_name_file_frames_and_score(self) -> None:
        seen = track(3, first_frame=41, last_frame=90, frames_visible=50, spans=((41, 90),))
        page = Page(render_report(manifest(seen)))
        assert "frames 41–90, 50 visible (25 %), mean score 0.88" in page.text
        assert {"href": "./person_03.mov"} in page.attributes("a")
        assert page.attributes("img") == [{"src": THUMBNAIL, "alt": ""}]

    def test_a_track_without_a_stream(self) -> None:
        page = Page(render_report(manifest(track(1, file=None))))
        assert "no stream" in page.text and not page.attributes("a")

    def test_warnings_come_before_the_people(self) -> None:
        text = Page(render_report(manifest(track(1), warnings=("frame 7 is lost", "odd")))).text
        assert "2 warnings" in text
        assert text.index("frame 7 is lost") < text.index("person_01")

    def test_no_warnings_no_box(self) -> None:
        assert "warning" not in Page(render_report(manifest(track(1)))).text

    def test_times_rates_shares_and_the_overlap(self) -> None:
        text = " ".join(Page(render_report(manifest(track(1)))).text.split())
        assert "decode 4.00 s 200 50.0 25 %" in text
        assert "matte 12.00 s 200 16.7 75 %" in text
        # 200 frames in 10 s; 4 + 12 s of work in 10 s.
        assert "10.0 s from start to end, 20.0 frames/s." in text
        assert "overlap factor 1.60" in text

    def test_a_run_without_times(self) -> None:
        nothing = StageRecord(name="matte", busy_s=0.0, frames=0)
        assert (
            "No times were taken."
            in Page(render_report(manifest(stages=(nothing,), wall_s=0.0))).text
        )
        assert (
            "0.5 s from start to end" in Page(render_report(manifest(stages=(), wall_s=0.5))).text
        )

    def test_settings_weights_and_versions(self) -> None:
        text = " ".join(Page(render_report(manifest(track(1)))).text.split())
        for words in (
            "output.format prores4444",
            "output.has_preview yes",
            "frame_rate –",
            "Weights lite SHA-256 " + "cd" * 32,
            "SHA-256 " + "ab" * 32,
            "Alpha store 2.5 MB",
            "instmatt-video 0.1.0, 2026-01-02T03:04:05Z",
        ):
            assert words in text

    def test_no_networks(self) -> None:
        assert "No network was used." in Page(render_report(manifest(weights=()))).text

    def test_the_preview_is_linked_where_there_is_one(self) -> None:
        page = Page(render_report(manifest(track(1)), preview_file="preview.mp4"))
        assert {"href": "./preview.mp4"} in page.attributes("a")


class TestTimeline:
    def test_spans_lie_at_their_frames_in_the_tracks_colour(self) -> None:
        seen = track(2, spans=((1, 40), (60, 60), (191, 200)), frames_visible=51)
        page = Page(render_report(manifest(seen)))
        bars = [a for a in page.attributes("rect") if "fill" in a]
        assert [(a["x"], a["width"]) for a in bars] == [("0", "40"), ("59", "1"), ("190", "10")]
        assert {a["fill"] for a in bars} == {"#{:02x}{:02x}{:02x}".format(*color_of_track(2))}
        assert {"0 0 200 1"} <= {a["viewbox"] for a in page.attributes("svg")}
        assert "frames 1–40, 0 s – 1.33 s" in page.text  # 40 * 1001 / 30000
        assert "frame 60, 1.97 s – 2 s" in page.text

    def test_cuts_are_marked_at_their_first_frame(self) -> None:
        page = Page(render_report(manifest(track(1), track(2), cuts=(101,))))
        assert [line["x1"] for line in page.attributes("line")] == ["100", "100"]
        assert "a new shot begins at frame 101." in page.text

    def test_an_image_sequence_keeps_its_numbers(self) -> None:
        seen = track(1, first_frame=1011, last_frame=1020, spans=((1011, 1020),))
        source = SOURCE.model_copy(update={"first_frame_number": 1001})
        page = Page(render_report(manifest(seen, cuts=(1016,), source=source)))
        bar = next(a for a in page.attributes("rect") if "fill" in a)
        assert (bar["x"], bar["width"]) == ("10", "10")
        assert page.attributes("line")[0]["x1"] == "15"
        assert "frames 1011–1020" in page.text

    @pytest.mark.parametrize(
        ("duration_s", "labels"),
        [
            pytest.param(0.04, ["0 s"], id="one-frame"),
            pytest.param(4.0, ["0 s", "0.5 s", "1 s", "1.5 s"], id="seconds"),
            pytest.param(90.0, ["0 s", "15 s", "30 s", "45 s", "1:00", "1:15"], id="minutes"),
            pytest.param(7200.0, ["0 s", "15:00", "30:00", "45:00", "1:00:00"], id="hours"),
            pytest.param(400_000.0, ["0 s", "14:00:00", "28:00:00"], id="days"),
            pytest.param(0.0, [], id="nothing"),
        ],
    )
    def test_the_axis_has_round_times(self, duration_s: float, labels: list[str]) -> None:
        source = SOURCE.model_copy(update={"duration_s": duration_s})
        html = render_report(manifest(track(1), source=source))
        axis = re.search(r'<div class="axis">(.*?)</div>', html)
        assert axis
        shown = re.findall(r">([^<>]+)</span>", axis[1])
        assert shown[: len(labels)] == labels and len(shown) <= 9
        places = [float(place) for place in re.findall(r"left:([\d.]+)%", axis[1])]
        assert places == sorted(places) and all(place < 100 for place in places)


class TestStandsAlone:
    HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>&amp;'

    def test_no_word_from_outside_becomes_markup(self) -> None:
        bad = self.HOSTILE
        page = Page(
            render_report(
                manifest(
                    track(1, name=bad, file=bad),
                    source=SOURCE.model_copy(update={"name": bad, "path": bad, "timecode": bad}),
                    settings={bad: {bad: [bad, None, True]}},
                    detector=bad,
                    detector_reason=bad,
                    weights=(WeightsRecord(name=bad, sha256=bad),),
                    device=bad,
                    audio=bad,
                    stages=(StageRecord(name=bad, busy_s=1.0, frames=1),),
                    warnings=(bad,),
                    program_version=bad,
                    created=bad,
                ).model_copy(update={"format": bad}),
                preview_file=bad,
            )
        )
        assert not page.attributes("script")
        assert len(page.attributes("img")) == 1
        assert page.text.count(bad) >= 15

    def test_a_name_that_looks_like_an_address_is_a_file(self) -> None:
        page = Page(render_report(manifest(track(1, file="javascript:alert(1)"))))
        assert page.attributes("a") == [{"href": "./javascript%3Aalert%281%29"}]

    def test_only_pictures_inside_the_page_are_shown(self) -> None:
        page = Page(render_report(manifest(track(1, thumbnail="https://example.org/a.jpg"))))
        assert not page.attributes("img")

    def test_nothing_is_loaded_from_anywhere(self) -> None:
        html = render_report(manifest(track(1), track(2)), preview_file="preview.mp4")
        page = Page(html)
        assert not {"script", "link", "iframe", "video", "object"} & {n for n, _ in page.elements}
        assert not re.search(r"https?://|@import|url\(", html)
        policy = [a for a in page.attributes("meta") if "http-equiv" in a]
        assert (
            policy[0]["content"] == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
        )
