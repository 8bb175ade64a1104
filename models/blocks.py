"""Maps that are computed only in some square blocks, exactly as if they were computed everywhere.

Knows which blocks of which samples are active, and how they see their neighbours' edges.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

BLOCK_PX = 32
"""Side of a block at full resolution; at stride 2 it is half of that."""


class BlockGrid:
    """The active blocks of `N` maps.

    Args:
        is_active: `(N, rows, columns)`, bool.
    """

    def __init__(self, is_active: Tensor) -> None:
        self.places = is_active.nonzero()
        """Sample, row and column of each active block, `(K, 3)`, ascending."""
        n, rows, columns = is_active.shape
        # A ring of absent blocks around the map spares every look at its edge.
        self._index = torch.full((n, rows + 2, columns + 2), -1, device=is_active.device)
        inner = self._index[:, 1:-1, 1:-1]
        inner[is_active] = torch.arange(len(self.places), device=is_active.device)

    @property
    def num_maps(self) -> int:
        """Return `N`."""
        return len(self._index)

    def __len__(self) -> int:
        """Return the number of active blocks."""
        return len(self.places)

    def of(self, samples: Tensor) -> BlockGrid:
        """Return the grid of some of the maps, in the order that is given."""
        return BlockGrid(self._index[samples, 1:-1, 1:-1] >= 0)

    def crop(self, rows: slice, columns: slice) -> BlockGrid:
        """Return the grid of a rectangle of blocks, over the same values.

        Blocks beyond the rectangle's edge stay visible as neighbours.
        """
        part = BlockGrid.__new__(BlockGrid)
        part._index = self._index[:, rows.start : rows.stop + 2, columns.start : columns.stop + 2]
        part.places = (part._index[:, 1:-1, 1:-1] >= 0).nonzero()
        return part

    def rows_at(self, places: Tensor) -> Tensor:
        """Return which of the active blocks lie at `places` `(M, 3)`; -1 where none does."""
        sample, row, column = places.unbind(1)
        return self._index[sample, row + 1, column + 1]

    def patches(self, values: Tensor, places: Tensor | None = None) -> Tensor:
        """Return blocks with a border of one pixel from their neighbours.

        Absent neighbours give 0, as the padding of a convolution does at the map's edge.

        Args:
            values: One block each, `(K, C, b, b)`.
            places: Wanted blocks, `(M, 3)`, all active; `None` is every one.

        Returns:
            `(M, C, b + 2, b + 2)`, channels last.
        """
        channels, size = values.shape[1], values.shape[-1]
        if places is None:
            places, middle = self.places, values
        else:
            middle = values[self.rows_at(places)]
        shape = (len(places), size + 2, size + 2, channels)
        result = values.new_empty(shape).permute(0, 3, 1, 2)
        result[:, :, 1:-1, 1:-1] = middle
        # (rows read, rows written) for the neighbour above, the block itself, the one below
        spans = (
            (slice(size - 1, size), slice(0, 1)),
            (slice(0, size), slice(1, size + 1)),
            (slice(0, 1), slice(size + 1, size + 2)),
        )
        offset = torch.zeros(3, dtype=places.dtype, device=places.device)
        for dy, (read_y, write_y) in enumerate(spans):
            for dx, (read_x, write_x) in enumerate(spans):
                if dy == dx == 1:
                    continue
                offset[1], offset[2] = dy - 1, dx - 1
                neighbours = self.rows_at(places + offset)
                edge = values[:, :, read_y, read_x][neighbours]
                result[:, :, write_y, write_x] = edge.masked_fill_(
                    (neighbours < 0).view(-1, 1, 1, 1), 0
                )
        return result

    def windows(self, values: Tensor, samples: Tensor, places: Tensor, border: int) -> Tensor:
        """Return the same blocks of some maps with a wide border; absent blocks give 0.

        Args:
            values: One block each, `(K, C, b, b)`; `K` is at least 1.
            samples: Of which maps, `(N,)`.
            places: Wanted blocks, `(M, 3)`, active or not; their samples do not count.
            border: Pixels around them, at most `b`.

        Returns:
            `(N, M, b + 2 * border, b + 2 * border, C)`.
        """
        size = values.shape[-1]
        span = torch.arange(-border, size + border, device=values.device)
        _, row, column = (places + 1).unbind(1)  # the index has a ring around the map
        rows = row[:, None, None] + (span // size)[:, None]
        columns = column[:, None, None] + span // size
        index = self._index[samples.view(-1, 1, 1, 1), rows, columns]  # (N, M, side, side)
        inner = span % size
        picked = values.permute(0, 2, 3, 1)[index, inner[:, None], inner]
        return picked.masked_fill_((index < 0)[..., None], 0)


class BlockFeatures(NamedTuple):
    """The feature that multi-instance refinement reads, in the blocks where it is needed."""

    grid: BlockGrid
    values: Tensor
    """`(K, C, b, b)`."""

    def of(self, samples: Tensor) -> BlockFeatures:
        """Return those of some samples, renumbered in the order that is given."""
        if torch.equal(samples, torch.arange(self.grid.num_maps, device=samples.device)):
            return self  # everybody: a copy would be as large as all that the picture keeps
        grid = self.grid.of(samples)
        places = grid.places.clone()
        places[:, 0] = samples[places[:, 0]]
        return BlockFeatures(grid, self.values[self.grid.rows_at(places)])

    def crop(self, rows: slice, columns: slice) -> BlockFeatures:
        """Return those of a rectangle of blocks; beyond its edge they are still seen."""
        return BlockFeatures(self.grid.crop(rows, columns), self.values)

    def windows(self, samples: Tensor, places: Tensor, border: int) -> Tensor:
        """Return blocks of some samples with a wide border; see `BlockGrid.windows`."""
        return self.grid.windows(self.values, samples, places, border)


def find_blocks(wanted: Tensor, reach_px: int) -> Tensor:
    """Return the blocks that a wanted pixel is in or reaches, `(N, rows, columns)`, bool.

    Args:
        wanted: `(N, 1, H, W)`, bool; sides are multiples of `BLOCK_PX`.
        reach_px: How far around a wanted pixel values are read.
    """
    grown = F.max_pool2d(
        wanted.to(torch.float32), BLOCK_PX + 2 * reach_px, stride=BLOCK_PX, padding=reach_px
    )
    return grown[:, 0] > 0


def cut_patches(dense: Tensor, places: Tensor, size: int, border: int) -> Tensor:
    """Return blocks of a dense map with a border; outside the map is 0.

    Args:
        dense: `(N, C, H, W)`; sides are multiples of `size`.
        places: `(K, 3)`, as in `BlockGrid`.
        size: Side of a block in the map's own pixels.
        border: Pixels around it.

    Returns:
        `(K, C, size + 2 * border, size + 2 * border)`, channels last.
    """
    padded = F.pad(dense.permute(0, 2, 3, 1), (0, 0, border, border, border, border)).contiguous()
    windows = padded.unfold(1, size + 2 * border, size).unfold(2, size + 2 * border, size)
    # (N, rows, columns, C, h, w) -> channels last before the copy, so that it moves whole rows
    sample, row, column = places.unbind(1)
    return windows.permute(0, 1, 2, 4, 5, 3)[sample, row, column].permute(0, 3, 1, 2)


def paste_blocks(dense: Tensor, places: Tensor, values: Tensor) -> None:
    """Write blocks `(K, C, b, b)` into a dense map `(N, C, H, W)` in place."""
    size = values.shape[-1]
    blocks = dense.unflatten(3, (-1, size)).unflatten(2, (-1, size)).permute(0, 2, 4, 1, 3, 5)
    sample, row, column = places.unbind(1)
    blocks[sample, row, column] = values.to(dense.dtype)
