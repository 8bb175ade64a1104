from __future__ import annotations

import numpy as np
import pytest

from instmatt_video.training.pictures.straight_rgba import resize_straight, straight_color


@pytest.mark.parametrize("size", [(10, 20), (80, 160)], ids=["smaller", "larger"])
def test_colour_under_alpha_0_does_not_reach_the_edge(size: tuple[int, int]) -> None:
    rgba = np.zeros((40, 20, 4), np.uint8)
    rgba[5:33, 3:16] = (200, 120, 40, 255)  # black lies under the rest
    resized = resize_straight(rgba, size)
    assert resized.shape == (size[1], size[0], 4)
    seen = resized[..., 3] > 8
    assert ((resized[..., 3] > 8) & (resized[..., 3] < 247)).any()
    assert np.abs(resized[seen][:, :3].astype(int) - (200, 120, 40)).max() <= 12
    assert resized[..., 3].mean() == pytest.approx(rgba[..., 3].mean(), rel=0.02)


def test_straight_colour_of_premultiplied() -> None:
    alpha = np.float32([[1, 0.5, 0, 0.25]])
    premultiplied = np.float32([[(0.2, 0.4, 0.6), (0.1, 0.2, 0.5), (0, 0, 0), (0.5, 0, 0)]])
    expected = [[(0.2, 0.4, 0.6), (0.2, 0.4, 1.0), (0, 0, 0), (1, 0, 0)]]  # clipped at white
    np.testing.assert_allclose(straight_color(premultiplied, alpha), expected, rtol=1e-6)
