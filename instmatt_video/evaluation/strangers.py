"""Predictions of what the truth does not have: they count for nothing, and are told of."""

from __future__ import annotations

import logging
from collections.abc import Collection
from pathlib import Path

logger = logging.getLogger(__name__)


def warn_of_strangers(
    predictions: Path, targets: Path, strangers: Collection[str], things: str
) -> None:
    """Warn of predictions that the truth lacks, if there are any.

    Args:
        predictions: The folder of all.
        targets: The folder of the truth.
        strangers: Names of those that the truth lacks.
        things: What they are, in the plural.
    """
    if strangers:
        logger.warning(
            "%s: %d predicted %s, %s first, are not in %s: they count for nothing",
            predictions,
            len(strangers),
            things,
            min(strangers),
            targets,
        )
