"""The end of everything that is written under a passing name: whole, or gone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self


class WholeOutput(ABC):
    """A context manager: left normally it is closed and gets its name, by an exception removed."""

    @abstractmethod
    def close(self) -> None:
        """Finish what was written and give it its name."""

    @abstractmethod
    def abort(self) -> None:
        """Remove what was written."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if error is None:
            self.close()
        else:
            self.abort()
