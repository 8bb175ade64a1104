"""The tracker on MOTChallenge text: the file format, and online without the future."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from instmatt_video.errors import AlphaWriteError, OptionError, VideoOpenError
from instmatt_video.link import link, link_rows
from instmatt_video.mot_text import read_mot, write_mot
from instmatt_video.trackers import StitchConfig, Tracker, TrackerConfig


@pytest.fixture
def detections(rng):
    """Two people, one walking left to right behind the other; some misses and some false alarms."""
    rows = []
    for frame in range(1, 81):
        for x in (300.0, 20.0 + 7.0 * frame):
            if rng.uniform() < 0.9:
                rows.append([frame, -1, x, 50, x + 40, 150, rng.uniform(0.7, 1.0)])
        if rng.uniform() < 0.1:
            x = rng.uniform(0, 600)
            rows.append([frame, -1, x, 250, x + 20, 290, 0.75])
    return np.array(rows)


def save(path, rows):
    write_mot(path, rows)
    return path


def test_text_survives_writing_and_reading(tmp_path, detections):
    rows = read_mot(save(tmp_path / "det.txt", detections))
    np.testing.assert_allclose(rows, detections, atol=0.011)


@pytest.mark.parametrize("online", [True, False])
def test_two_people_come_out(tmp_path, detections, online):
    link(save(tmp_path / "det.txt", detections), tmp_path / "out.txt", online)
    rows = read_mot(tmp_path / "out.txt")
    assert set(rows[:, 1]) == {1, 2}
    assert (np.diff(rows[:, 0]) >= 0).all()
    if not online:
        assert len(rows) == 160  # offline fills every gap


def test_online_uses_no_frame_after_its_own(detections):
    """Cut off anywhere, the rows so far are the whole clip's, but for tracks not yet confirmed."""
    config, stitching = TrackerConfig(), StitchConfig()
    whole = link_rows(detections, True, config, stitching)
    for end in (10, 33, 60):
        part = link_rows(detections[detections[:, 0] <= end], True, config, stitching)
        settled = end - config.confirm_frames
        np.testing.assert_array_equal(part[part[:, 0] <= settled], whole[whole[:, 0] <= settled])


def test_no_detections_no_tracks(tmp_path):
    (tmp_path / "det.txt").write_text("\n")
    for online in (True, False):
        link(tmp_path / "det.txt", tmp_path / "out.txt", online)
        assert (tmp_path / "out.txt").read_text() == ""


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("1,-1,0,0,10,20\n", id="six numbers"),
        pytest.param("1,-1,0,0,10,20,0.9\n1,-1,zero,0,10,20,0.9\n", id="a word"),
        pytest.param("0,-1,0,0,10,20,0.9\n", id="frame 0"),
        pytest.param("1,-1,nan,0,10,20,0.9\n", id="nan"),
        pytest.param("1,-1,1e308,0,1e308,20,0.9\n", id="an edge that no computer counts to"),
        pytest.param("1e9,-1,0,0,10,20,0.9\n", id="a frame of next year"),
        pytest.param("1e20,-1,0,0,10,20,0.9\n", id="a frame that no computer counts to"),
    ],
)
def test_a_line_that_is_no_detection_is_named(tmp_path, text):
    (tmp_path / "det.txt").write_text(text)
    with pytest.raises(VideoOpenError, match=rf"det\.txt, line {text.count(chr(10))}"):
        link(tmp_path / "det.txt", tmp_path / "out.txt")
    assert not (tmp_path / "out.txt").exists()


def test_a_missing_file_and_a_missing_folder_are_named(tmp_path, detections):
    with pytest.raises(VideoOpenError, match=r"nothing\.txt"):
        link(tmp_path / "nothing.txt", tmp_path / "out.txt")
    path = save(tmp_path / "det.txt", detections)
    with pytest.raises(OptionError, match="nowhere"):
        link(path, tmp_path / "nowhere" / "out.txt")


def test_a_place_that_may_not_be_written_has_the_status_of_outputs(
    tmp_path, detections, monkeypatch
):
    path = save(tmp_path / "det.txt", detections)

    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    for patched in ((os, "access", lambda *_: False), (Path, "write_text", refuse)):
        with monkeypatch.context() as patch:
            patch.setattr(*patched)  # an administrator may write everywhere
            with pytest.raises(
                AlphaWriteError, match=r"out\.txt cannot be written: Perm"
            ) as caught:
                link(path, tmp_path / "out.txt")
        assert caught.value.exit_status == 7


def test_frames_without_anybody_cost_nothing_and_change_nothing(detections, monkeypatch):
    """The clip, a pause of hours, and the clip again."""
    config, stitching = TrackerConfig(), StitchConfig()
    calls = []
    update = Tracker.update
    monkeypatch.setattr(
        Tracker, "update", lambda *args, **kwargs: (calls.append(1), update(*args, **kwargs))[1]
    )
    later = detections + np.array([1e6, 0, 0, 0, 0, 0, 0])
    for online in (True, False):
        once = link_rows(detections, online, config, stitching)
        calls.clear()
        twice = link_rows(np.concatenate([detections, later]), online, config, stitching)
        assert len(calls) < 400
        again = twice[twice[:, 0] > 1e6]
        np.testing.assert_array_equal(twice[: len(once)], once)
        np.testing.assert_array_equal(again[:, 2:], once[:, 2:])
        np.testing.assert_array_equal(again[:, 0] - 1e6, once[:, 0])


def test_a_box_too_thin_to_have_an_area_is_left_out(tmp_path):
    (tmp_path / "det.txt").write_text("1,-1,1e8,0,1e-12,20,0.9\n1,-1,0,0,10,20,0.9\n")
    assert read_mot(tmp_path / "det.txt")[:, 2].tolist() == [0.0]


def test_one_detection_after_a_pause_is_no_person():
    for frame, people in ((1, 1), (4000, 0)):
        rows = np.array([[frame, -1, 10, 50, 50, 150, 0.9]])
        assert len(link_rows(rows, True, TrackerConfig(), StitchConfig())) == people


def test_detections_are_never_replaced(tmp_path, detections):
    path = save(tmp_path / "det.txt", detections)
    text = path.read_text()
    with pytest.raises(OptionError, match="holds the detections"):
        link(path, path)
    assert path.read_text() == text
