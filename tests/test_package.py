"""The face of the package: what `import instmatt_video` costs, and what it offers."""

from __future__ import annotations

import pytest

import instmatt_video
from tests.loaded_modules import modules_after

HEAVY = ("torch", "torchvision", "cv2", "av", "scipy", "rich", "pydantic")


def test_import_loads_nothing_heavy() -> None:
    loaded = modules_after("import instmatt_video")
    assert "instmatt_video" in loaded
    assert not loaded & {*HEAVY, "numpy"}


def test_help_loads_nothing_heavy() -> None:
    loaded = modules_after("from instmatt_video.cli import main\nassert main(['--help']) == 0")
    assert "instmatt_video.cli" in loaded
    assert not loaded & set(HEAVY)


@pytest.mark.parametrize("name", instmatt_video.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(instmatt_video, name) is not None


def test_names_come_from_their_homes() -> None:
    from instmatt_video.config import MatteConfig
    from instmatt_video.errors import InstMattVideoError

    assert instmatt_video.MatteConfig is MatteConfig
    assert instmatt_video.InstMattVideoError is InstMattVideoError


def test_unknown_name() -> None:
    with pytest.raises(AttributeError, match="no attribute 'matte_audio'"):
        _ = instmatt_video.matte_audio


def test_lower_folders_are_loaded_once_under_one_name() -> None:
    loaded = modules_after("import instmatt_video.trackers, instmatt_video.models.tri_mask")
    assert {"instmatt_video.trackers", "instmatt_video.models.tri_mask"} <= loaded
    assert not loaded & {"trackers", "models", "eval"}
