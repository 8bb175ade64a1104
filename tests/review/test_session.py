"""Corrections of a real output folder, and what is rendered of it."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from instmatt_video import matte_video
from instmatt_video.config import DetectionConfig, MatteConfig, OutputConfig, RunConfig
from instmatt_video.correction import Drop, Merge, Rename, Split, Swap
from instmatt_video.errors import AlphaStoreError, FrameDecodeError, OptionError, VideoOpenError
from instmatt_video.manifest import Manifest, load_manifest
from instmatt_video.media import image_sequence
from instmatt_video.review.session import Review
from tests.review.conftest import FRAMES, LIGHT
from tests.review.made_truth import ONE, THREE, TWO, alphas, close, streams, truth
from tests.synthetic_clip import BoxMatter, ColorDetector, picture, write_clip, write_frames


class SeesNobodyAtFirst(ColorDetector):
    """Begins to look at frame 10 only."""

    def detect(self, images, frame_indices=None):  # type: ignore[no-untyped-def]
        found = super().detect(images, frame_indices)
        return found if frame_indices[0] >= 10 else [found[0].select(slice(0, 0))]


def test_a_clip_that_was_run_again_meanwhile_is_seen_as_it_is_now(folder: Path) -> None:
    """The page stays open while somebody overwrites the folder in a terminal."""
    review = Review(folder)
    assert review.people()[0].first_frame == 1
    review.correct(Rename(track=1, name="Anna"))
    source = Path(review.manifest.source.absolute_path or "")
    config = replace(LIGHT, run=RunConfig(is_overwriting=True))
    matte_video(source, folder.parent, config, detector=SeesNobodyAtFirst(), matter=BoxMatter())
    assert review.manifest.corrections == ()
    review.correct(Rename(track=1, name="Bert"))
    manifest = review.render().manifest
    assert manifest.tracks[0].first_frame == 11
    assert alphas(folder / manifest.tracks[0].file)[:10].max() == 0


def test_a_merge_writes_one_stream_and_removes_the_other(folder: Path) -> None:
    before = streams(folder)
    review = Review(folder)
    review.correct(Merge(track=3, other=2))
    assert streams(folder) == before and not review.manifest.is_rendered
    rendered = review.render()
    assert rendered.written == (THREE, "preview.mp4") and rendered.removed == (TWO,)
    assert streams(folder).keys() == {ONE, THREE}
    assert streams(folder)[ONE] == before[ONE]
    everywhere = range(FRAMES)
    assert close(alphas(folder / THREE), truth((1, everywhere), (2, everywhere)))
    manifest = load_manifest(folder)
    assert [(t.id, t.spans) for t in manifest.tracks] == [(1, ((1, 40),)), (3, ((7, 20), (25, 40)))]
    assert manifest.rendered_corrections == manifest.corrections == (Merge(track=3, other=2),)
    assert review.manifest.is_rendered
    rows = np.loadtxt(folder / "tracks.txt", delimiter=",")
    assert set(rows[:, 1]) == {1, 3} and (rows[:, 1] == 3).sum() == 30
    page = (folder / "report.html").read_text()
    assert THREE in page and TWO not in page
    assert all(track.thumbnail for track in manifest.tracks)


def test_undone_and_rendered_everything_is_as_before(folder: Path, matted: Path) -> None:
    review = Review(folder)
    review.correct(Split(track=1, frame=10))
    review.correct(Swap(track=2, other=4, frame=12))
    review.render()
    assert streams(folder).keys() == {ONE, TWO, THREE, "person_04_04.mkv"}
    assert review.undo() == Swap(track=2, other=4, frame=12)
    assert [c.kind for c in review.manifest.corrections] == ["split"]
    review.undo()
    with pytest.raises(OptionError, match="no correction to undo"):
        review.undo()
    review.render()
    assert streams(folder).keys() == {ONE, TWO, THREE}
    for name in (ONE, TWO, THREE):
        # Matroska puts a random number into each file, so not their bytes.
        assert np.array_equal(alphas(folder / name), alphas(matted / "out" / "walk" / name))
    name = "tracks.txt"
    assert (folder / name).read_text() == (matted / "out" / "walk" / name).read_text()
    first, again = load_manifest(matted / "out" / "walk"), load_manifest(folder)
    assert [track.model_copy(update={"sha256": None}) for track in again.tracks] == [
        track.model_copy(update={"sha256": None}) for track in first.tracks
    ]
    assert again.settings == first.settings


def test_a_tracklet_is_divided_at_the_frame(folder: Path) -> None:
    review = Review(folder)
    review.correct(Split(track=1, frame=11))
    review.correct(Swap(track=2, other=4, frame=16))
    assert [t.id for t in review.people()] == [1, 2, 3, 4]
    review.render()
    # Frame 11 is number 10 from 0, and frame 16 is number 15.
    assert close(alphas(folder / ONE), truth((0, range(10))))
    assert close(alphas(folder / TWO), truth((1, range(15)), (0, range(15, FRAMES))))
    late = folder / "person_04_04.mkv"
    assert close(alphas(late), truth((0, range(10, 15)), (1, range(15, FRAMES))))


def test_two_people_share_a_name_only_where_their_files_differ(folder: Path) -> None:
    rename = Rename(track=2, name="person_01")
    Review(folder).correct(rename)
    Review(folder).undo()
    manifest = load_manifest(folder)
    output = {**manifest.settings["output"], "filename": "{name}.{ext}"}
    settings = {**manifest.settings, "output": output}
    manifest.model_copy(update={"settings": settings}).save(folder)
    with pytest.raises(OptionError, match="gives tracks 1 and 2 the same name"):
        Review(folder).correct(rename)
    assert load_manifest(folder).corrections == ()


def test_what_could_not_be_rendered_is_no_correction(folder: Path) -> None:
    manifest = load_manifest(folder)
    output = {**manifest.settings["output"], "filename": "{name}.{ext}", "only": [1]}
    settings = {**manifest.settings, "output": output}
    manifest.model_copy(update={"settings": settings}).save(folder)
    review = Review(folder)
    rename = Rename(track=1, name="person_04")
    review.correct(rename)
    with pytest.raises(OptionError, match="gives tracks 1 and 4 the same name"):
        review.correct(Split(track=1, frame=12))
    with pytest.raises(OptionError, match="nobody is left of them"):
        review.correct(Drop(track=1))
    assert load_manifest(folder).corrections == (rename,)


def test_a_renamed_stream_is_not_encoded_again(folder: Path) -> None:
    content = (folder / TWO).read_bytes()
    review = Review(folder)
    review.correct(Rename(track=2, name="Anna"))
    assert review.render().written == ("preview.mp4",), "names are drawn in the preview"
    assert (folder / "Anna_02.mkv").read_bytes() == content
    assert not (folder / TWO).exists()
    assert load_manifest(folder).tracks[1].file == "Anna_02.mkv"


def test_nothing_to_do_is_nothing_done(folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir() if path.is_file()}
    rendered = Review(folder).render()
    assert rendered.written == rendered.removed == ()
    assert {p: p.stat().st_mtime_ns for p in folder.iterdir() if p.is_file()} == before


def test_who_is_dropped_is_in_the_rest_if_asked(folder: Path) -> None:
    review = Review(folder)
    review.correct(Drop(track=1))
    rendered = review.render(has_rest=True)
    # The rest is just that person here, so the stream only gets another name.
    assert rendered.removed == () and rendered.written == ("preview.mp4",)
    assert rendered.renamed == ((ONE, "rest.mkv"),)
    assert load_manifest(folder).rest_file == "rest.mkv"
    assert streams(folder).keys() == {"rest.mkv", TWO, THREE}
    assert close(alphas(folder / "rest.mkv"), truth((0, range(FRAMES))))
    assert load_manifest(folder).settings["output"]["has_rest"] is True
    assert review.render(has_rest=False).removed == ("rest.mkv",)
    assert load_manifest(folder).rest_file is None


def test_a_run_that_goes_on_keeps_the_corrections(folder: Path, matted: Path) -> None:
    Review(folder).correct(Merge(track=3, other=2))
    resumed = replace(LIGHT, run=RunConfig(is_resumed=True))
    clip = matted / "walk.mp4"
    manifest = matte_video(
        clip, folder.parent, resumed, detector=ColorDetector(), matter=BoxMatter()
    )
    assert [track.id for track in manifest.tracks] == [1, 3]
    assert Review(folder).manifest.is_rendered


def test_a_run_without_the_alphas_keeps_the_corrections(folder: Path, matted: Path) -> None:
    def resume(config: MatteConfig = LIGHT, is_cleaned: bool = False) -> Manifest:
        clip, run = matted / "walk.mp4", RunConfig(is_resumed=True, is_cleaned=is_cleaned)
        config = replace(config, run=run)
        return matte_video(
            clip, folder.parent, config, detector=ColorDetector(), matter=BoxMatter()
        )

    corrections = (Rename(track=1, name="Anna"), Drop(track=2))
    for correction in corrections:
        Review(folder).correct(correction)
    resume(is_cleaned=True)
    assert not (folder / "alphas").exists()
    before = load_manifest(folder)
    with pytest.raises(OptionError, match="by hand, was made with another interval of detection"):
        resume(replace(LIGHT, detection=DetectionConfig(detect_every=2)))
    assert load_manifest(folder) == before and not (folder / "alphas").exists()
    manifest = resume()
    assert manifest.corrections == corrections
    assert [track.name for track in manifest.tracks] == ["Anna", "person_03"]
    assert Review(folder).manifest.is_rendered
    older = json.loads((folder / "manifest.json").read_text()) | {"fingerprint": None}
    (folder / "manifest.json").write_text(json.dumps(older))
    assert resume().corrections == corrections, "the alphas themselves tell what they depend on"


def test_whoever_was_split_off_a_clip_that_broke_off_stays_who_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = write_frames(tmp_path / "shot", FRAMES, first=1)
    config = replace(LIGHT, frame_rate=Fraction(25))

    def run(config: MatteConfig) -> None:
        matte_video(clip, tmp_path / "out", config, detector=ColorDetector(), matter=BoxMatter())

    with monkeypatch.context() as away:
        read = image_sequence.read_picture
        away.setattr(
            image_sequence, "read_picture", lambda path: read(path) if int(path.stem) < 23 else None
        )
        with pytest.raises(FrameDecodeError, match="22 frames before are finished"):
            run(config)
    review = Review(tmp_path / "out" / "shot")
    review.correct(Split(track=1, frame=12))
    review.correct(Rename(track=3, name="Bob"))
    run(replace(config, run=RunConfig(is_resumed=True)))
    # A third person enters in frame 25; whom Bob was split off is seen to the end.
    assert [(track.id, track.name, track.spans) for track in review.manifest.tracks] == [
        (1, "person_01", ((1, 11),)),
        (2, "person_02", ((7, 20),)),
        (3, "person_03", ((25, 40),)),
        (4, "Bob", ((12, 40),)),
    ]
    assert review.manifest.is_rendered
    assert review.manifest.corrections == (Split(track=1, frame=12), Rename(track=4, name="Bob"))


def test_what_was_said_of_a_stream_goes_with_it(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "walk.mp4", 12, pixel_aspect=Fraction(4, 3))
    output = replace(LIGHT.output, filename="take: {name}.{ext}")
    matte_video(
        clip,
        tmp_path,
        replace(LIGHT, output=output),
        detector=ColorDetector(),
        matter=BoxMatter(),
    )
    review = Review(tmp_path / "walk")
    review.correct(Rename(track=1, name="Ann"))
    review.correct(Drop(track=2))
    (text,) = review.render().manifest.warnings
    assert text.startswith("take: Ann.mkv: pixels are 4/3 as wide as high")


def test_pictures_keep_their_numbers_and_their_rate(tmp_path: Path) -> None:
    frames = tmp_path / "shot"
    frames.mkdir()
    for index in range(20):
        cv2.imwrite(str(frames / f"shot.{1001 + index}.png"), picture(index)[..., ::-1])
    config = MatteConfig(
        output=OutputConfig(format="png", has_preview=False), frame_rate=Fraction(30000, 1001)
    )
    matte_video(frames, tmp_path / "out", config, detector=ColorDetector(), matter=BoxMatter())
    review = Review(tmp_path / "out" / "shot")
    assert review.manifest.source.frames == range(1001, 1021)
    with pytest.raises(OptionError, match="outside the clip, whose frames are 1001 to 1020"):
        review.correct(Split(track=1, frame=9))
    review.correct(Split(track=1, frame=1009))
    review.correct(Drop(track=2))
    rendered = review.render()
    assert rendered.written == ("person_01", "person_03") and rendered.removed == ("person_02",)
    assert rendered.manifest.tracks[1].spans == ((1009, 1020),)
    assert {p.name for p in (review.folder / "person_03").iterdir()} == {
        f"{number:06d}.png" for number in range(1001, 1021)
    }
    assert not (review.folder / "person_02").exists()
    (frames / "shot.1020.png").unlink()
    review.correct(Drop(track=3))
    with pytest.raises(VideoOpenError, match="has changed since it was matted"):
        review.render()


def test_pictures_that_were_painted_anew_are_not_mixed_with_those_of_before(tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "shot", 20)
    config = MatteConfig(
        output=OutputConfig(format="png", has_preview=False), frame_rate=Fraction(25)
    )
    matte_video(frames, tmp_path / "out", config, detector=ColorDetector(), matter=BoxMatter())
    review = Review(tmp_path / "out" / "shot")
    review.correct(Split(track=1, frame=9))
    plate = frames / "0004.png"
    before = plate.stat()
    os.utime(plate, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    with pytest.raises(VideoOpenError, match=r"has changed since it was matted.*--source"):
        review.render()
    assert review.render(source=frames).written == ("person_01", "person_03")
    os.utime(plate, ns=(before.st_atime_ns, before.st_mtime_ns))
    review.undo()
    assert review.render().removed == ("person_03",)


class TestErrors:
    def test_the_store_is_gone(self, folder: Path) -> None:
        shutil.rmtree(folder / "alphas")
        assert [t.id for t in Review(folder).people()] == [1, 2, 3]
        with pytest.raises(AlphaStoreError, match="--clean removes it"):
            Review(folder).correct(Drop(track=1))

    def test_the_store_is_damaged(self, folder: Path) -> None:
        next((folder / "alphas").glob("*.chunk")).write_bytes(b"torn")
        with pytest.raises(AlphaStoreError, match="again with --resume"):
            Review(folder).correct(Drop(track=1))

    def test_the_store_is_of_another_run(self, folder: Path) -> None:
        manifest = load_manifest(folder)
        assert manifest.stitching is not None
        other = manifest.stitching.model_copy(update={"people": ((98,), (99,))})
        manifest.model_copy(update={"stitching": other}).save(folder)
        with pytest.raises(AlphaStoreError, match="of different runs"):
            Review(folder).correct(Drop(track=1))

    def test_the_source_is_gone_or_another(self, folder: Path, matted: Path) -> None:
        manifest = load_manifest(folder)
        moved = folder.parent / "moved.mp4"
        source = manifest.source.model_copy(update={"absolute_path": str(moved)})
        manifest.model_copy(update={"source": source}).save(folder)
        review = Review(folder)
        review.correct(Drop(track=2))
        with pytest.raises(VideoOpenError, match=r"not there any more.*--source"):
            review.render()
        shutil.copy(matted / "walk.mp4", moved)
        with moved.open("ab") as file:
            file.write(b"x")
        with pytest.raises(VideoOpenError, match="has changed since it was matted"):
            review.render()
        assert review.render(source=matted / "walk.mp4").removed == (TWO,)

    def test_a_stream_cannot_be_read_again(self, folder: Path) -> None:
        manifest = load_manifest(folder)
        source = manifest.source.model_copy(update={"absolute_path": None, "path": "-"})
        manifest.model_copy(update={"source": source}).save(folder)
        with pytest.raises(VideoOpenError, match="came as a stream"):
            Review(folder).render()

    def test_no_output_of_ours(self, tmp_path: Path) -> None:
        with pytest.raises(VideoOpenError, match=r"no manifest\.json"):
            Review(tmp_path)

    def test_an_older_manifest_can_be_read_but_not_corrected(self, folder: Path) -> None:
        path = folder / "manifest.json"
        data = json.loads(path.read_text())
        for name in ("stitching", "corrections", "rendered_corrections"):
            del data[name]
        del data["source"]["first_frame_number"], data["source"]["absolute_path"]
        path.write_text(json.dumps(data))
        review = Review(folder)
        assert [t.id for t in review.people()] == [1, 2, 3]
        with pytest.raises(AlphaStoreError, match="older version"):
            review.correct(Drop(track=1))

    def test_a_manifest_of_a_newer_version_is_not_taken_for_ours(self, folder: Path) -> None:
        path = folder / "manifest.json"
        data = json.loads(path.read_text()) | {"schema_version": 99, "something": "new"}
        path.write_text(json.dumps(data))
        with pytest.raises(VideoOpenError, match=r"schema_version: 99 is of another version"):
            Review(folder)

    def test_corrections_that_were_written_by_hand_are_checked(self, folder: Path) -> None:
        path = folder / "manifest.json"
        data = json.loads(path.read_text())
        data["corrections"] = [{"kind": "split", "track": 1, "frame": "x"}]
        path.write_text(json.dumps(data))
        with pytest.raises(VideoOpenError, match=r"corrections\.0\.split\.frame"):
            Review(folder)
        data["corrections"] = [{"kind": "drop", "track": 9}]
        path.write_text(json.dumps(data))
        with pytest.raises(OptionError, match="there is no person 9"):
            Review(folder).people()
