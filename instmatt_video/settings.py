"""Settings of a run: flag > environment > TOML file > default, as one `MatteConfig`.

A command may have defaults of its own.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from .config import MatteConfig
from .errors import OptionError, first_complaint
from .media.formats import find_format
from .media.frame_rate import as_frame_rate
from .printable import is_utf8, printable
from .toml_file import read_toml

ENVIRONMENT_PREFIX = "INSTMATT_VIDEO_"


def resolve_config(
    flags: Mapping[str, Any],
    config_file: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    *,
    defaults: Mapping[str, Any] | None = None,
) -> MatteConfig:
    """Return the config that results from all places.

    Args:
        flags: Values by dotted field, such as `matting.matte_size`; `None` is not given.
        config_file: TOML with the tables of `MatteConfig`.
        environment: Variables such as `INSTMATT_VIDEO_MATTE_SIZE`, named after the field.
        defaults: A command's own in place of `MatteConfig`'s, by dotted field.

    Raises:
        OptionError: A field that does not exist, or a value out of its range.
    """
    values = read_toml(config_file) if config_file else {}
    for dotted, value in (defaults or {}).items():
        section, _, name = dotted.rpartition(".")
        _table(values, section).setdefault(name, value)
    for (section, name), default in setting_defaults().items():
        text = environment.get(ENVIRONMENT_PREFIX + name.upper())
        if text is not None:
            setting = text.split(",") if isinstance(default, tuple) else text
            _table(values, section)[name] = setting
    for dotted, value in flags.items():
        if value is not None:
            section, _, name = dotted.rpartition(".")
            _table(values, section)[name] = value
    unknown = _unknown_field(values)
    if unknown:
        meant = unknown.replace("-", "_")
        hint = f": is {meant} meant?" if tuple(meant.split(".")) in setting_defaults() else ""
        raise OptionError(f"{config_file}: there is no setting {unknown}{hint}")
    return config_of(values)


def flags_of(args: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that a command line gave, by dotted field: the options' own `dest`."""
    return {n: value for n, value in vars(args).items() if "." in n or n == "frame_rate"}


def config_of(values: Mapping[str, Any]) -> MatteConfig:
    """Return the config of plain values, such as a manifest holds.

    Raises:
        OptionError: A value out of its range or of the wrong kind.
    """
    rate = values.get("frame_rate")
    if rate is not None:
        try:
            values = {**values, "frame_rate": as_frame_rate(rate)}
        except ValueError as error:
            raise OptionError(f"frame_rate: {error}") from error
    try:
        config = TypeAdapter(MatteConfig).validate_python(values)
    except ValidationError as error:
        raise OptionError(first_complaint(error)) from error
    find_format(config.output.format)
    return config


def plain_settings(config: MatteConfig) -> dict[str, Any]:
    """Return a config as JSON holds it, for a manifest."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(config), default=str))
    return plain


def refuse_undecodable_settings(config: MatteConfig) -> None:
    """Raise where a name in a config is not UTF-8: no manifest could hold it.

    Raises:
        OptionError: A folder of masks, weights or a template are called so.
    """
    plain = plain_settings(config)
    for section in (plain, *(value for value in plain.values() if isinstance(value, dict))):
        for name, value in section.items():
            if isinstance(value, str) and not is_utf8(value):
                raise OptionError(f"{name}: {printable(value)} is not UTF-8: rename it")


def setting_defaults() -> dict[tuple[str, str], Any]:
    """Return the default of every (section, field); the section of a top-level one is empty."""
    default = MatteConfig()
    leaves: dict[tuple[str, str], Any] = {}
    for section in fields(default):
        value = getattr(default, section.name)
        if is_dataclass(value):
            leaves |= {(section.name, f.name): getattr(value, f.name) for f in fields(value)}
        else:
            leaves["", section.name] = value
    return leaves


def _table(values: dict[str, Any], section: str) -> dict[str, Any]:
    """Return the settings of a section, to be added to."""
    table = values.setdefault(section, {}) if section else values
    if not isinstance(table, dict):
        raise OptionError(f"{section} must be a table of settings")
    return table


def _unknown_field(values: Mapping[str, Any]) -> str | None:
    known = setting_defaults()
    for key, value in values.items():
        names = value.keys() if isinstance(value, dict) else [None]
        for name in names:
            leaf = ("", key) if name is None else (key, name)
            if leaf not in known:
                return ".".join(part for part in leaf if part)
    return None
