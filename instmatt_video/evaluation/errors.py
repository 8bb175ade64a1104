"""What can be wrong with the files of an evaluation."""

from __future__ import annotations

from ..errors import InstMattVideoError


class EvaluationError(InstMattVideoError):
    """Predictions and truth do not fit; the message names the file or folder."""

    exit_status = 3
