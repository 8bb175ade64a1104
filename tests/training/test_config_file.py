"""TOML to schedules: nothing unknown, nothing misspelt goes through."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from instmatt_video.errors import OptionError
from instmatt_video.training.command import shipped_config
from instmatt_video.training.config_file import read_config, resolve
from instmatt_video.training.detector.config import DetectorTraining
from instmatt_video.training.matting.config import MattingTraining
from instmatt_video.training.pictures.data import MattingData


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "training.toml"
    path.write_text(text)
    return path


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    assert read_config(write(tmp_path, ""), MattingTraining) == MattingTraining()


def test_values_arrive_in_their_places(tmp_path: Path) -> None:
    config = read_config(
        write(
            tmp_path,
            'preset = "base"\n[batch]\npictures = 7\n[batch.scene]\nmin_visible = 0.5\n'
            "[curriculum]\nstarts = [0.0, 0.5]\nsizes_px = [64, 128]\n[stage2]\nsteps = 7\n",
        ),
        MattingTraining,
    )
    assert (config.preset, config.batch.pictures, config.batch.scene.min_visible) == (
        "base",
        7,
        0.5,
    )
    assert config.curriculum.sizes_px == (64, 128)
    assert (config.stage1.steps, config.stage2.steps) == (MattingTraining().stage1.steps, 7)


def test_data(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        'cutouts = "people"\nbackgrounds = "/places.tar"\n[[photos]]\npath = "p"\nmasks = "m"\n',
    )
    data = read_config(path, MattingData)
    assert resolve(data.cutouts, path) == tmp_path / "people"
    assert resolve(data.backgrounds, path) == Path("/places.tar")
    assert [(p.path, p.images, p.masks) for p in data.photos] == [(Path("p"), "image", "m")]
    assert data.instances is None


@pytest.mark.parametrize(
    ("text", "kind", "named"),
    [
        ("presett = 'lite'\n", MattingTraining, "no setting presett"),
        ("[batch]\npicture = 3\n", MattingTraining, r"no setting batch\.picture"),
        ("[batch.scene]\nx = 3\n", MattingTraining, r"no setting batch\.scene\.x"),
        ("[stage3]\nsteps = 3\n", MattingTraining, "no setting stage3"),
        (
            "cutouts='a'\nbackgrounds='b'\n[[photos]]\npath='p'\nmask='m'\n",
            MattingData,
            r"no setting photos\.mask",
        ),
        ("backgrounds='b'\n", MattingData, "cutouts"),
        ("[curriculum]\nsizes_px = [100]\n", MattingTraining, "sizes_px must be a multiple of 32"),
        ("[stage1]\nsteps = 'many'\n", MattingTraining, r"stage1\.steps: .*integer"),
        ("a = = b", MattingTraining, "is no TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, kind: type, named: str) -> None:
    with pytest.raises(OptionError, match=named):
        read_config(write(tmp_path, text), kind)


@pytest.mark.parametrize(
    ("text", "kind", "told"),
    [
        ("[batch]\npictures = 0\n", MattingTraining, "batch: pictures must be 1 or more, not 0"),
        ("[batch]\ntargets = 0\n", MattingTraining, "batch: targets must be 1 or more, not 0"),
        (
            "[batch]\nphoto_chance = 5.0\n",
            MattingTraining,
            "batch: photo_chance must be in 0..1, not 5.0",
        ),
        (
            "[batch]\nlong_hair_weight = 0.0\n",
            MattingTraining,
            "long_hair_weight must be 0.001 or more, not 0.0",
        ),
        (
            "[batch.scene]\nheight_range = [0.0, 1.0]\n",
            MattingTraining,
            "batch.scene: height_range must be 0.01 or more, not (0.0, 1.0)",
        ),
        (
            "[batch.scene]\ngap_range = [1.0, 0.5]\n",
            MattingTraining,
            "gap_range must go from the least to the most, not (1.0, 0.5)",
        ),
        (
            "[batch.scene]\ncount_weights = []\n",
            MattingTraining,
            "count_weights must hold one above 0, not ()",
        ),
        (
            "[batch.scene]\ncount_weights = [1.0, -1.0]\n",
            MattingTraining,
            "count_weights must be 0 or more, not (1.0, -1.0)",
        ),
        (
            "[batch.guidance]\nnoise = 0.1\n",
            MattingTraining,
            "batch.guidance: noise must be 0.2 or more, not 0.1",
        ),
        ("[batch.guidance]\ngrids = []\n", MattingTraining, "grids must name one at least"),
        ("[batch.guidance]\njitter = 0.5\n", MattingTraining, "jitter must be in 0..0.4, not 0.5"),
        ("mask_channels = 5\n", MattingTraining, "mask_channels must be in 1..3, not 5"),
        ("mask_channels = 0\n", MattingTraining, "mask_channels must be in 1..3, not 0"),
        (
            "validation_side_px = 0\n",
            MattingTraining,
            "validation_side_px must be a multiple of 32 from 64, not 0",
        ),
        ("stage2_targets = 0\n", MattingTraining, "stage2_targets must be 1 or more, not 0"),
        (
            "[stage1]\nema_decay = 2.0\n",
            MattingTraining,
            "stage1: ema_decay must be in 0..1, not 2.0",
        ),
        (
            "[stage1]\nclip_norm = 0.0\n",
            MattingTraining,
            "stage1: clip_norm must be 1e-06 or more, not 0.0",
        ),
        (
            "[stage1]\nbetas = [0.9, 1.0]\n",
            MattingTraining,
            "betas must be in 0..0.999999, not (0.9, 1.0)",
        ),
        (
            "[stage1]\nlearning_rate = nan\n",
            MattingTraining,
            "learning_rate must be 0 or more, not nan",
        ),
        (
            "validation_side_px = 100\n",
            MattingTraining,
            "validation_side_px must be a multiple of 32 from 64, not 100",
        ),
        (
            "[stage1]\nlearning_rate = inf\n",
            MattingTraining,
            "learning_rate must be finite, not inf",
        ),
        ("crops_per_step = 0\n", DetectorTraining, "crops_per_step must be 1 or more, not 0"),
        ("held_out_photos = -1\n", DetectorTraining, "held_out_photos must be 0 or more, not -1"),
    ],
)
def test_what_is_out_of_range_is_named(tmp_path: Path, text: str, kind: type, told: str) -> None:
    with pytest.raises(OptionError, match=re.escape(told)):
        read_config(write(tmp_path, text), kind)


def test_schedules_that_come_with_the_program_are_whole() -> None:
    folder = shipped_config("matting-lite").parent
    names = sorted(path.stem for path in folder.glob("matting-*.toml"))
    assert "matting-lite" in names
    for name in names:
        config = read_config(shipped_config(name), MattingTraining)
        assert config.preset == name.split("-")[1]
    with pytest.raises(OptionError, match="no schedule 'matting-huge' comes with the program"):
        shipped_config("matting-huge")
