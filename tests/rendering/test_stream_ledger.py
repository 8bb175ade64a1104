"""The ledger of what was written."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from instmatt_video.checksums import sha256_of
from instmatt_video.clip_folder import remove_torn
from instmatt_video.errors import OptionError
from instmatt_video.rendering import stream_ledger
from instmatt_video.rendering.stream_ledger import StreamLedger, stream_checksum


class TestLedger:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        for name in "ab":
            (tmp_path / f"{name}.mkv").write_bytes(name.encode() * 50)
        (tmp_path / "frames").mkdir()
        for number in "12":
            (tmp_path / "frames" / f"00000{number}.png").write_bytes(number.encode())
        return tmp_path

    def ledger(self, folder: Path) -> StreamLedger:
        return StreamLedger(folder / "streams.jsonl", folder)

    def test_a_stream_is_not_read_to_learn_that_its_name_is_taken(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ledger = self.ledger(folder)
        ledger.add("a.mkv", "key")
        ledger.add("b.mkv", "key")
        with monkeypatch.context() as patched:
            patched.setattr(stream_ledger, "stream_checksum", lambda path: pytest.fail(str(path)))
            assert ledger.take_over("a.mkv", "key", wanted=["a.mkv"]) is None
        assert ledger.has("a.mkv", "key") and ledger.has("b.mkv", "key")

    def test_a_stream_that_gets_another_name_leaves_no_empty_folder(self, folder: Path) -> None:
        for name in ("one/deep", "two"):
            (folder / name).mkdir(parents=True)
            (folder / name / "a.mkv").write_bytes(name.encode())
        (folder / "two" / "notes.txt").write_text("somebody's")
        ledger = self.ledger(folder)
        for old, new in (("one/deep/a.mkv", "anna/a.mkv"), ("two/a.mkv", "bert/a.mkv")):
            ledger.add(old, new)
            assert ledger.take_over(new, new, wanted=[new]) == old
        names = sorted(path.name for path in folder.iterdir() if path.is_dir())
        assert names == ["anna", "bert", "frames", "two"]

    def test_a_run_that_is_killed_while_a_stream_is_renamed_loses_none(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rename = Path.rename

        def rename_and_die(path: Path, target: Path) -> None:
            rename(path, target)
            raise KeyboardInterrupt

        ledger = self.ledger(folder)
        ledger.add("a.mkv", "key")
        with monkeypatch.context() as patched:
            patched.setattr(Path, "rename", rename_and_die)
            with pytest.raises(KeyboardInterrupt):
                ledger.take_over("anna.mkv", "key", wanted=["anna.mkv"])
        again = self.ledger(folder)
        assert again.knows("anna.mkv") and again.has("anna.mkv", "key")
        assert again.prune(["anna.mkv"]) == () and (folder / "anna.mkv").is_file()

    def test_what_was_noted_is_known_to_the_next_run(self, folder: Path) -> None:
        ledger = self.ledger(folder)
        assert not ledger.has("a.mkv", "key")
        ledger.add("a.mkv", "key")
        ledger.add("frames", "key")
        again = self.ledger(folder)
        assert again.has("a.mkv", "key") and again.has("frames", "key")
        assert not again.has("a.mkv", "another key") and not again.has("b.mkv", "key")
        assert again.checksum("a.mkv") == sha256_of(folder / "a.mkv")
        assert again.checksum("b.mkv") is None

    def test_a_folder_is_what_sha256sum_prints_of_it(self, folder: Path) -> None:
        pictures = sorted((folder / "frames").iterdir())
        (folder / "frames" / "._000001.png").write_bytes(b"a file manager's")
        lines = "".join(f"{sha256_of(path)}  {path.name}\n" for path in pictures)
        assert stream_checksum(folder / "frames") == hashlib.sha256(lines.encode()).hexdigest()
        assert stream_checksum(folder / "nothing") is None

    @pytest.mark.parametrize("damage", ["changed", "gone"])
    def test_a_damaged_stream_is_not_there(self, folder: Path, damage: str) -> None:
        self.ledger(folder).add("a.mkv", "key")
        if damage == "gone":
            (folder / "a.mkv").unlink()
        else:
            (folder / "a.mkv").write_bytes(b"something else")
        assert not self.ledger(folder).has("a.mkv", "key")

    def test_what_is_noted_before_it_has_its_name_is_there_once_it_has(self, folder: Path) -> None:
        ledger = self.ledger(folder)
        ledger.add("named", "key", folder / "frames")
        assert not ledger.has("named", "key")
        (folder / "frames").rename(folder / "named")
        assert ledger.has("named", "key")

    @pytest.mark.parametrize("damage", ["changed", "gone"])
    def test_a_picture_that_is_not_whole_is_missed(self, folder: Path, damage: str) -> None:
        self.ledger(folder).add("frames", "key")
        picture = folder / "frames" / "000002.png"
        picture.write_bytes(b"") if damage == "changed" else picture.unlink()
        assert not self.ledger(folder).has("frames", "key")

    @pytest.mark.parametrize("tear", [1, 12])
    def test_a_torn_last_line_costs_only_itself(self, folder: Path, tear: int) -> None:
        ledger = self.ledger(folder)
        ledger.add("a.mkv", "key")
        ledger.add("b.mkv", "key")
        path = folder / "streams.jsonl"
        path.write_bytes(path.read_bytes()[:-tear])
        self.ledger(folder).add("frames", "key")
        again = self.ledger(folder)
        assert again.has("a.mkv", "key") and again.has("frames", "key")
        assert again.has("b.mkv", "key") == (tear == 1)

    def test_the_newest_note_counts(self, folder: Path) -> None:
        ledger = self.ledger(folder)
        ledger.add("a.mkv", "old")
        ledger.add("a.mkv", "new")
        again = self.ledger(folder)
        assert again.has("a.mkv", "new") and not again.has("a.mkv", "old")

    def replacement(self, folder: Path) -> Path:
        (folder / ".new").mkdir()
        (folder / ".new" / "000001.png").write_bytes(b"new")
        return folder / ".new"

    def paint(self, folder: Path) -> None:
        (folder / "frames" / "000001.png").write_bytes(b"painted")

    @pytest.mark.parametrize("is_named", [False, True])
    def test_what_a_run_leaves_that_is_killed_while_it_replaces_is_nobodys_work(
        self, folder: Path, is_named: bool
    ) -> None:
        ledger = self.ledger(folder)
        ledger.add("frames", "old")
        new = self.replacement(folder)
        ledger.begin("frames", new)
        if is_named:
            (folder / "frames").rename(folder / "gone")
            new.rename(folder / "frames")
        again = self.ledger(folder)
        assert not again.has("frames", "old") and not again.has("frames", "new")
        assert again.prune([]) == ("frames",)
        assert not (folder / "frames").exists() and not list(folder.glob("frames_*"))

    def test_what_is_changed_after_a_failed_replacement_is_somebodys_work(
        self, folder: Path
    ) -> None:
        ledger = self.ledger(folder)
        ledger.add("frames", "old")
        ledger.begin("frames", self.replacement(folder))  # and then its name cannot be given
        self.paint(folder)
        self.ledger(folder).begin("frames", folder / ".new")  # and then the run is killed
        ledger = self.ledger(folder)
        ledger.begin("frames", folder / ".new")
        ledger.add("frames", "new", folder / ".new", ["its own word"])
        said = "was changed since it was written: now frames_changed_1"
        assert self.ledger(folder).warnings("frames") == ("its own word", said)
        assert (folder / "frames_changed_1" / "000001.png").read_bytes() == b"painted"
        assert not (folder / "frames").exists()

    def test_what_somebody_changed_is_never_pruned(self, folder: Path) -> None:
        ledger = self.ledger(folder)
        for name in ("frames", "a.mkv", "b.mkv"):
            ledger.add(name, "key")
        self.paint(folder)
        (folder / "a.mkv").write_bytes(b"graded")
        assert ledger.prune([]) == ("b.mkv",)
        assert (folder / "frames" / "000001.png").read_bytes() == b"painted"
        assert (folder / "a.mkv").read_bytes() == b"graded"
        again = self.ledger(folder)
        assert again.knows("frames"), "and whatever takes its place finds it out"
        assert again.remove_all() == (
            "an earlier frames was changed since it was written: now frames_changed_1",
            "an earlier a.mkv was changed since it was written: now a_changed_1.mkv",
        )
        assert (folder / "frames_changed_1" / "000001.png").read_bytes() == b"painted"
        assert (folder / "a_changed_1.mkv").read_bytes() == b"graded"

    def test_an_earlier_run_tells_of_what_has_no_checksum(self, folder: Path) -> None:
        digest = stream_checksum(folder / "frames")
        ledger = self.ledger(folder)
        ledger.add("a.mkv", "key")
        ledger.adopt({"frames": digest, "a.mkv": "another run's"})
        assert ledger.checksum("a.mkv") == sha256_of(folder / "a.mkv")
        self.paint(folder)
        ledger.begin("frames", folder / "b.mkv")
        assert (folder / "frames_changed_1").is_dir()

    def test_what_is_set_aside_takes_along_whatever_lies_in_it(self, folder: Path) -> None:
        ledger = self.ledger(folder)
        ledger.add("frames", "key")
        (folder / "frames" / "notes.txt").write_text("mine")
        with pytest.raises(OptionError, match="frames holds other files beside its pictures"):
            ledger.remove_all()
        self.paint(folder)
        ledger.remove_all()
        assert (folder / "frames_changed_1" / "notes.txt").read_text() == "mine"
        assert (folder / "frames_changed_1" / "000001.png").read_bytes() == b"painted"

    def test_a_run_that_is_killed_while_it_removes_pictures_leaves_no_half_of_them(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def remove_one_and_die(path: Path) -> None:
            (path / "000001.png").unlink()
            raise KeyboardInterrupt

        self.ledger(folder).add("frames", "key")
        with monkeypatch.context() as patched:
            patched.setattr(shutil, "rmtree", remove_one_and_die)
            with pytest.raises(KeyboardInterrupt):
                self.ledger(folder).prune([])
        assert not (folder / "frames").exists()
        self.ledger(folder).prune([])
        remove_torn(folder)
        assert sorted(path.name for path in folder.iterdir()) == ["a.mkv", "b.mkv", "streams.jsonl"]

    @pytest.mark.parametrize("line", [b"[]", b"7", b'{"file": 5}', b'"\xff"', b"\0\0\0"])
    def test_a_ledger_is_read_up_to_what_was_never_written_there(
        self, folder: Path, line: bytes
    ) -> None:
        ledger = self.ledger(folder)
        for name in ("a.mkv", "b.mkv"):
            ledger.add(name, "key")
        path = folder / "streams.jsonl"
        first, second = path.read_bytes().splitlines()
        path.write_bytes(b"\n".join([first, line, second, b""]))
        again = self.ledger(folder)
        assert again.has("a.mkv", "key") and not again.knows("b.mkv")
