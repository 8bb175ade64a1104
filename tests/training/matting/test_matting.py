"""`train matting` from made cut-outs to weights, through the command line."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from instmatt_video import extras
from instmatt_video.cli import main
from instmatt_video.models.checkpoint import load_matting_weights
from instmatt_video.training import command
from instmatt_video.training.pictures.held_out import read_split
from instmatt_video.weights.cache import find_weights
from tests.training.made_people import person, place, write_matted_picture, write_packs, write_rgb

STEPS = 24
SCHEDULE = f"""
preset = "lite"
validation_pictures = 1
validation_side_px = 96
is_branch_frozen = true
[batch]
pictures = 2
targets = 2
[curriculum]
starts = [0.0]
sizes_px = [64]
[stage2_curriculum]
starts = [0.0]
sizes_px = [64]
[stage1]
steps = {STEPS}
learning_rate = 2e-3
warmup_steps = 4
ema_decay = 0.8
checkpoint_steps = {STEPS}
validate_steps = {STEPS}
log_steps = 4
accelerator = "cpu"
[stage2]
steps = 6
learning_rate = 2e-3
warmup_steps = 2
ema_decay = 0.8
checkpoint_steps = 6
validate_steps = 6
log_steps = 2
accelerator = "cpu"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("training")
    write_packs(folder, 6, 2)
    # Held out under the names of the split: the training must not see them.
    for k, name in enumerate(read_split("matting_val_cutouts")[:5]):
        write_rgb(folder / "cutouts" / "rgba" / name, person(20 + k))
    write_rgb(folder / "backgrounds" / read_split("matting_val_backgrounds")[0], place(9))
    (folder / "data.toml").write_text('cutouts = "cutouts"\nbackgrounds = "backgrounds"\n')
    (folder / "schedule.toml").write_text(SCHEDULE)
    return folder


def train(folder: Path, stage: int, out: str, *more: str) -> int:
    return main(
        [
            *("train", "matting", "--stage", str(stage), "--quiet"),
            *("--data", str(folder / "data.toml"), "--config", str(folder / "schedule.toml")),
            *("--out", str(folder / out), *more),
        ]
    )


def losses(folder: Path) -> list[float]:
    with (folder / "log.csv").open(newline="") as file:
        return [float(row[2]) for row in csv.reader(file) if row[1] == "loss"]


@pytest.mark.slow
def test_both_stages_learn(folder: Path) -> None:
    assert train(folder, 1, "one") == 0
    first = losses(folder / "one")
    assert len(first) == STEPS // 4
    assert sum(first[-2:]) < 0.7 * sum(first[:2])
    best = folder / "one" / "best.safetensors"
    stage1 = load_matting_weights(best)

    assert train(folder, 2, "two", "--start-from", str(best)) == 0
    second = losses(folder / "two")
    assert len(second) == 3 and second[-1] < second[0] * 1.1
    stage2 = load_matting_weights(folder / "two" / "best.safetensors").state_dict()
    for key, value in stage1.state_dict().items():
        changed = not torch.equal(value, stage2[key])
        assert changed == key.startswith("refinement."), key


def test_fewer_mask_channels_and_steps(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(folder, 1, "ablation", "--mask-channels", "1", "--steps", "1") == 0
    weights = folder / "ablation" / "last.safetensors"
    assert load_matting_weights(weights).mask_channels == 1
    more = ("--start-from", str(weights), "--mask-channels", "2")
    assert train(folder, 1, "other", *more) == 2
    assert "has 1 mask channels" in capsys.readouterr().err


def test_a_run_is_gone_on_with_from_its_own_start_alone(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(folder, 1, "on", "--steps", "1", "--start-from", "lite") == 0
    begun, other = find_weights("lite"), folder / "on" / "last.safetensors"
    sums = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (begun, other)]
    assert train(folder, 1, "on", "--steps", "2", "--start-from", str(other)) == 6
    told = f"begun with first weights {sums[0]}, not {sums[1]}; take another --out"
    assert told in capsys.readouterr().err
    assert train(folder, 1, "on", "--steps", "2") == 6
    assert f"begun with first weights {sums[0]}, not chance" in capsys.readouterr().err
    assert train(folder, 1, "on", "--steps", "2", "--start-from", str(begun)) == 0


@pytest.mark.parametrize(
    ("option", "text", "words"),
    [
        pytest.param(
            "--config",
            SCHEDULE.replace("side_px = 96", "side_px = 128"),
            "validation_side_px 96, not 128",
            id="larger validation pictures",
        ),
        pytest.param(
            "--config",
            SCHEDULE.replace("validation_pictures = 1", "validation_pictures = 2"),
            "number of validation pictures 1, not 2",
            id="more of them",
        ),
        pytest.param(
            "--data",
            'cutouts = "cutouts"\nbackgrounds = "more"\n',
            "number of backgrounds 2, not 3",
            id="more backgrounds",
        ),
    ],
)
def test_a_run_is_gone_on_with_on_its_own_pictures_alone(
    folder: Path, capsys: pytest.CaptureFixture[str], option: str, text: str, words: str
) -> None:
    assert train(folder, 1, "own", "--steps", "1") == 0  # the second time it is found there
    for number in range(3):
        write_rgb(folder / "more" / f"{number}.png", place(number))
    write_rgb(folder / "more" / read_split("matting_val_backgrounds")[0], place(9))
    (folder / "other.toml").write_text(text)
    assert train(folder, 1, "own", "--steps", "2", option, str(folder / "other.toml")) == 6
    assert f"begun with {words}; take another --out" in capsys.readouterr().err


def test_the_seed_decides_what_is_seen(folder: Path) -> None:
    seen = {}
    for out, seed in (("seed-5", "5"), ("seed-5-again", "5"), ("seed-6", "6")):
        assert train(folder, 1, out, "--steps", "4", "--seed", seed) == 0
        seen[out] = losses(folder / out)
    assert seen["seed-5"] == seen["seed-5-again"] != seen["seed-6"]


def test_weights_look_as_often_as_they_were_trained_to(folder: Path) -> None:
    twice = folder / "twice.toml"
    twice.write_text("second_look_chance = 0.5\n" + SCHEDULE)
    assert train(folder, 1, "twice", "--steps", "1", "--config", str(twice)) == 0
    weights = folder / "twice" / "last.safetensors"
    assert load_matting_weights(weights).config.has_second_look
    assert train(folder, 1, "once", "--steps", "1", "--start-from", str(weights)) == 0
    assert not load_matting_weights(folder / "once" / "last.safetensors").config.has_second_look


def test_photos_of_marked_people_are_trained_on(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = folder / "photos"
    images, annotations = [], []
    for number, bottom in enumerate((140, 110)):  # the second is 90 px tall
        name = f"{number}.jpg"
        write_rgb(photos / "images" / name, place(3, height=160, width=200))
        image = {"id": number, "file_name": name, "width": 200, "height": 160, "subset": "train"}
        square = [20, 20, 120, 20, 120, bottom, 20, bottom]
        person = {"image_id": number, "iscrowd": 0, "bbox": [20, 20, 100, bottom - 20]}
        images.append(image)
        annotations.append({**person, "segmentation": [square]})
    document = {"images": images, "annotations": annotations}
    (photos / "instances_person.json").write_text(json.dumps(document))
    data, schedule = folder / "photos.toml", folder / "photos_alone.toml"
    data.write_text((folder / "data.toml").read_text() + 'instances = "photos"\n')
    schedule.write_text(SCHEDULE.replace("[batch]", "[batch]\nphoto_chance = 1.0"))
    words = ["train", "matting", "--stage", "1", "--steps", "4", "--data", str(data)]
    assert main([*words, "--config", str(schedule), "--out", str(folder / "photos-alone")]) == 0
    said = capsys.readouterr().err
    assert "1 of 2 photos are learned from: nobody in the others is 96 px tall" in said
    with (folder / "photos-alone" / "log.csv").open(newline="") as file:
        figures = {row[1]: float(row[2]) for row in csv.reader(file) if row[0] == "4"}
    assert figures["loss"] > 0
    assert figures["composition"] == 0, "of a photo nobody knows the layers: Eq. 10 says nothing"


HIM2K = """
[[matted]]
images = "him/images"
alphas = "him/alphas"
"""
LISTS = """
[[matted]]
images = "him/merged.txt"
alphas = "him/alpha.txt"
foregrounds = "him/fg.txt"
"""


def write_matted(him: Path) -> None:
    """Write two pictures as `HIM2K` and `LISTS` name them."""
    for name in "ab":
        write_matted_picture(him, name)
    for kind, below in (("merged", "images"), ("alpha", "alphas"), ("fg", "fg")):
        files = sorted((him / below).rglob("*.png"))
        (him / f"{kind}.txt").write_text("".join(f"{p.relative_to(him)}\n" for p in files))


@pytest.mark.parametrize("text", [HIM2K, LISTS], ids=["HIM2K's layout", "the release's lists"])
def test_pictures_with_soft_alphas_are_trained_on(tmp_path: Path, text: str) -> None:
    write_matted(tmp_path / "him")
    (tmp_path / "data.toml").write_text(text)
    (tmp_path / "schedule.toml").write_text(SCHEDULE.replace("log_steps = 4", "log_steps = 2"))
    assert train(tmp_path, 1, "out", "--steps", "2") == 0
    with (tmp_path / "out" / "log.csv").open(newline="") as file:
        figures = {row[1]: float(row[2]) for row in csv.reader(file) if row[0] == "2"}
    assert figures["loss"] > 0
    assert (figures["composition"] > 0) is (text == LISTS), "Eq. 10 needs the people's colours"


def test_a_run_without_colours_is_not_gone_on_with_with_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_matted(tmp_path / "him")
    (tmp_path / "schedule.toml").write_text(SCHEDULE)
    for text, status in ((HIM2K, 0), (LISTS, 6)):
        (tmp_path / "data.toml").write_text(text)
        assert train(tmp_path, 1, "out", "--steps", "1") == status
    told = "begun with number of photos with known colours 0, not 2; take another --out"
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("more", [(), ("--steps", "1")], ids=["alone", "with steps"])
def test_a_schedule_of_the_other_stage_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...]
) -> None:
    walls = str(command.shipped_config("matting-lite-walls"))
    assert train(folder, 1, "wrong", "--config", walls, *more) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "walls.toml is no schedule of stage 1: it names no steps of it" in line


def test_colours_beside_folders_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_matted_picture(tmp_path / "him", "a")
    (tmp_path / "data.toml").write_text(HIM2K + 'foregrounds = "him/fg"\n')
    (tmp_path / "schedule.toml").write_text(SCHEDULE)
    assert train(tmp_path, 1, "out") == 2
    assert "foregrounds go with lists" in capsys.readouterr().err


def test_missing_alphas_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_matted_picture(tmp_path / "him", "a")
    write_rgb(tmp_path / "him" / "images" / "b.png", place())
    (tmp_path / "data.toml").write_text(HIM2K)
    (tmp_path / "schedule.toml").write_text(SCHEDULE)
    assert train(tmp_path, 1, "out") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "there are no alphas of" in line and line.endswith("him/images/b.png")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ['cutouts = "cutouts"\n', ""], ids=["cut-outs alone", "nothing"])
def test_data_of_nobody_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (tmp_path / "data.toml").write_text(text)
    (tmp_path / "schedule.toml").write_text(SCHEDULE)
    assert train(tmp_path, 1, "out") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "data.toml: " in line and "cutouts and backgrounds" in line


def test_without_held_out_people_the_last_weights_are_the_best(tmp_path: Path) -> None:
    write_packs(tmp_path, 2, 1)
    (tmp_path / "data.toml").write_text('cutouts = "cutouts"\nbackgrounds = "backgrounds"\n')
    (tmp_path / "schedule.toml").write_text(SCHEDULE)
    assert train(tmp_path, 1, "out", "--steps", "1") == 0
    for name in ("best.safetensors", "last.safetensors"):
        assert load_matting_weights(tmp_path / "out" / name).mask_channels == 3


def test_a_place_with_the_name_of_somebody_held_out_is_trained_on(tmp_path: Path) -> None:
    write_packs(tmp_path, 50, 0)
    held_out = sorted(f"person_{k}.png" for k in range(50))[::10]
    for k, name in enumerate(held_out[:2]):
        write_rgb(tmp_path / "backgrounds" / name, place(k))
    (tmp_path / "data.toml").write_text('cutouts = "cutouts"\nbackgrounds = "backgrounds"\n')
    (tmp_path / "schedule.toml").write_text(SCHEDULE)
    assert train(tmp_path, 1, "out", "--steps", "1") == 0


def test_nothing_of_a_photo_is_trained_on_whose_people_are_held_out(tmp_path: Path) -> None:
    for number in range(2):
        write_rgb(tmp_path / "backgrounds" / f"{number}.png", place(number))
    rgba = np.dstack((place(1, 120, 80), np.zeros((120, 80), np.uint8)))
    rgba[10:110, 20:60, 3] = 255
    for number in range(50):
        write_rgb(tmp_path / "street" / "image" / f"{number:02}.png", rgba[..., :3])
        mask = np.repeat(rgba[..., 3:], 3, axis=2)
        write_rgb(tmp_path / "street" / "mask" / f"{number:02}.png", mask)
        write_rgb(tmp_path / "cutouts" / "rgba" / f"street_{number:02}_0.webp", rgba)
    write_rgb(tmp_path / "cutouts" / "rgba" / "street_00_1.webp", rgba)
    packs = 'cutouts = "cutouts"\nbackgrounds = "backgrounds"\n[[photos]]\npath = "street"\n'
    (tmp_path / "data.toml").write_text(packs)
    (tmp_path / "schedule.toml").write_text(SCHEDULE)
    assert train(tmp_path, 1, "out", "--steps", "1") == 0
    made_by = torch.load(tmp_path / "out" / "last.ckpt", weights_only=True)["schedule"]
    # Held out are of the photos 00, 09, 19 … 49 one each; with the first goes another of its photo.
    assert made_by["number of photos"] == 50 - 6
    assert made_by["number of cut-outs"] == 51 - 6 - 1


@pytest.mark.parametrize(
    ("stage", "more", "status", "words"),
    [
        pytest.param(2, (), 2, "--start-from", id="stage 2 from nothing"),
        pytest.param(
            2, ("--start-from", "nowhere.safetensors"), 6, "nowhere.safetensors", id="no weights"
        ),
        pytest.param(1, ("--data", "nowhere.toml"), 2, "nowhere.toml", id="no data"),
        pytest.param(1, ("--config", "nowhere.toml"), 2, "nowhere.toml", id="no schedule"),
        pytest.param(3, (), 2, "invalid choice", id="no such stage"),
        pytest.param(1, ("--preset", "base"), 2, "leave --preset out", id="two presets"),
        pytest.param(1, ("--steps", "0"), 2, "a step at least", id="no steps"),
    ],
)
def test_mistakes_are_one_line(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    stage: int,
    more: tuple[str, ...],
    status: int,
    words: str,
) -> None:
    assert train(folder, stage, "wrong", *more) == status
    error = capsys.readouterr().err
    assert words in error and "Traceback" not in error


def test_norms_of_one_sample_are_refused_before_any_is_met(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    schedule = folder / "single.toml"
    text = SCHEDULE.replace("pictures = 2", "pictures = 1")
    schedule.write_text(text.replace('"lite"', '"base"'))
    assert train(folder, 1, "single", "--config", str(schedule)) == 2
    assert "batch.pictures must be 2 or more" in capsys.readouterr().err
    schedule.write_text(text.replace("targets = 2", "targets = 1"))
    assert train(folder, 1, "single", "--steps", "1", "--config", str(schedule)) == 0


def test_processes_without_gpus_have_norms_of_their_own(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LOCAL_WORLD_SIZE", "WORLD_SIZE"):  # as torchrun sets them
        monkeypatch.setenv(name, "2")
    schedule = folder / "two.toml"
    text = SCHEDULE.replace("pictures = 2", "pictures = 1")
    schedule.write_text(text.replace('"lite"', '"base"'))
    assert train(folder, 1, "two-processes", "--config", str(schedule)) == 2
    assert "batch.pictures must be 2 or more" in capsys.readouterr().err


def test_a_missing_extra_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    words = ["train", "detector", "--data", str(tmp_path / "d.toml"), "--out", str(tmp_path / "o")]
    assert main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith('tensorboard, pycocotools: pip install "instmatt-video[train]"')


def test_a_folder_as_a_file_of_settings_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "detector", "--data", str(tmp_path), "--out", str(tmp_path / "o")]
    assert main(words) == 2
    said = f"instmatt-video: error: {tmp_path} cannot be read: Is a directory\n"
    assert capsys.readouterr().err == said
