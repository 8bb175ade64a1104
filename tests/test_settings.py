"""Settings from flags, environment, file and defaults, in this order."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from instmatt_video.config import DetectionConfig, MatteConfig
from instmatt_video.errors import OptionError
from instmatt_video.settings import resolve_config


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text(
        'frame_rate = "24000/1001"\n[matting]\nmatte_size = 320\ncontext = 0.2\n'
        "[output]\nonly = [1, 2]\nhas_audio = false\n"
    )
    return path


def test_defaults() -> None:
    assert resolve_config({}, None, {}) == MatteConfig()


def test_file_over_default(file: Path) -> None:
    config = resolve_config({}, file, {})
    assert (config.matting.matte_size, config.matting.context) == (320, 0.2)
    assert config.frame_rate == Fraction(24000, 1001)
    assert config.output.only == (1, 2) and not config.output.has_audio
    assert config.detection == MatteConfig().detection


def test_a_default_of_the_command_is_below_all_else(file: Path) -> None:
    own = {"matting.matte_size": 256, "matting.context": 0.4, "detection.detect_every": 3}
    config = resolve_config({}, None, {}, defaults=own)
    assert (config.matting.matte_size, config.detection.detect_every) == (256, 3)
    config = resolve_config({}, file, {"INSTMATT_VIDEO_CONTEXT": "0.3"}, defaults=own)
    assert (config.matting.matte_size, config.matting.context) == (320, 0.3)
    assert config.detection.detect_every == 3
    assert resolve_config({"detection.detect_every": 2}, None, {}, defaults=own).detection == (
        DetectionConfig(detect_every=2)
    )


def test_environment_over_file(file: Path) -> None:
    config = resolve_config({}, file, {"INSTMATT_VIDEO_MATTE_SIZE": "448"})
    assert (config.matting.matte_size, config.matting.context) == (448, 0.2)


def test_flag_over_environment(file: Path) -> None:
    environment = {"INSTMATT_VIDEO_MATTE_SIZE": "448", "INSTMATT_VIDEO_CONTEXT": "0.3"}
    config = resolve_config({"matting.matte_size": 512}, file, environment)
    assert (config.matting.matte_size, config.matting.context) == (512, 0.3)


def test_flags_that_were_not_given_say_nothing(file: Path) -> None:
    config = resolve_config({"matting.matte_size": None, "frame_rate": None}, file, {})
    assert config.matting.matte_size == 320 and config.frame_rate == Fraction(24000, 1001)


@pytest.mark.parametrize(
    ("variable", "text", "section", "field", "value"),
    [
        ("HAS_AUDIO", "0", "output", "has_audio", False),
        ("HAS_REPORT", "false", "output", "has_report", False),
        ("ONLY", "1,3", "output", "only", (1, 3)),
        ("QUALITY", "5", "output", "quality", 5),
        ("DETECT_EVERY", "4", "detection", "detect_every", 4),
        ("DEVICE", "cuda:1", "matting", "device", "cuda:1"),
    ],
)
def test_environment_is_text(
    variable: str, text: str, section: str, field: str, value: object
) -> None:
    config = resolve_config({}, None, {f"INSTMATT_VIDEO_{variable}": text})
    assert getattr(getattr(config, section), field) == value


@pytest.mark.parametrize("text", ["1e400", "1e999999999", "fast"])
def test_a_rate_that_is_none_is_refused_at_once(text: str, tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(f'frame_rate = "{text}"\n')
    for place in ((None, {"INSTMATT_VIDEO_FRAME_RATE": text}), (file, {})):
        with pytest.raises(OptionError, match=f"frame_rate: '{text}' is no frame rate such as 25"):
            resolve_config({}, *place)


def test_rates_are_understood_alike_everywhere(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    for value in ('"23.976023976023976"', "23.976023976023976"):
        file.write_text(f"frame_rate = {value}\n")
        assert resolve_config({}, file, {}).frame_rate == Fraction(24000, 1001)
    file.write_text("frame_rate = [25]\n")
    with pytest.raises(OptionError, match="is no frame rate such as 25"):
        resolve_config({}, file, {})


def test_other_variables_are_none_of_our_business() -> None:
    environment = {"INSTMATT_VIDEO_HOME": "/x", "INSTMATT_VIDEO_OFFLINE": "1", "FORMAT": "png"}
    assert resolve_config({}, None, environment) == MatteConfig()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[matting]\nmatte-size = 128\n", "matting.matte-size: is matting.matte_size meant"),
        pytest.param("[matting]\nmatte_sise = 3\n", r"no setting matting\.matte_sise", id="field"),
        pytest.param("[mating]\nmatte_size = 3\n", r"no setting mating\.matte_size", id="table"),
        pytest.param("speed = 3\n", "no setting speed", id="top"),
        pytest.param("matting = 3\n", "no setting matting", id="a table that is none"),
    ],
)
def test_unknown_settings_are_refused(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(text)
    with pytest.raises(OptionError, match=named):
        resolve_config({}, path, {})


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        ({"matting.matte_size": 7}, "matte_size must be in 64..4096"),
        ({"output.still_frames": 9}, "still_frames must be in 0..8"),
        ({"matting.context": -1.0}, "context must be in 0..1"),
        ({"matting.device": "tpu"}, "device must be one of auto, cpu, cuda, mps"),
        ({"matting.device": "cuda:one"}, "device must be one of"),
        ({"matting.device": "auto:1"}, "device must be one of"),
        ({"matting.precision": "fp8"}, "precision must be one of"),
        ({"detection.detect_every": 0}, "detect_every must be 1 or more"),
        ({"output.format": "gif"}, "no format 'gif': choose one of prores4444, "),
        ({"output.foreground": "magic"}, "foreground must be one of"),
        ({"output.only": (0,)}, "track numbers begin at 1"),
        ({"run.is_resumed": True, "run.is_overwriting": True}, "contradict"),
        ({"matting.matte_size": "big"}, r"matting\.matte_size: .*integer"),
    ],
)
def test_values_out_of_range_are_refused_by_name(flags: dict[str, object], named: str) -> None:
    with pytest.raises(OptionError, match=named):
        resolve_config(flags, None, {})


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"nothing\.toml cannot be read"):
        resolve_config({}, tmp_path / "nothing.toml", {})
