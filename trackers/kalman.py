"""The motion of many boxes at once: a constant-velocity Kalman filter per box.

Knows boxes and time; knows no pixels and no identities. Centre x, centre y, width and height move
independently, so one box is four filters of two states and all boxes step in a handful of array
operations; filterpy's general filter, one object per box, gives the same numbers many times slower.
"""

from __future__ import annotations

import numpy as np
from filterpy.common import Q_discrete_white_noise

from .boxes import BoolArray, FloatArray, IntArray, cxcywh_to_xyxy, xyxy_to_cxcywh
from .config import MotionConfig

# Q of a constant-velocity model for unit acceleration and a step of one frame: [[1/4, 1/2], [1/2,
# 1]].
UNIT_Q: FloatArray = Q_discrete_white_noise(dim=2, dt=1.0, var=1.0)

POSITION, VELOCITY, VAR_POSITION, COVARIANCE, VAR_VELOCITY = range(5)
MIN_SIZE_PX = 1.0


class BoxFilter:
    """Kalman filters of `T` boxes in one array: a step costs the same for one or twenty.

    `state` is `(T, 5, 4)`: position, velocity, and the three numbers of the symmetric 2×2
    covariance (position, position-velocity, velocity), each for centre x, centre y, width, height
    in pixels and frames.

    Source:
        Bewley et al. 2016 (SORT), section 3.2, for the model; Aharon et al. 2022 (BoT-SORT),
        section 3.1, for width and height as states and noise in proportion to the box.
    """

    def __init__(self, config: MotionConfig | None = None) -> None:
        self.config = config or MotionConfig()
        factor = self.config.size_factor
        self._speed_kept = np.array(
            [1.0, 1.0, self.config.size_speed_kept, self.config.size_speed_kept]
        )
        self._axis_variance = np.array([1.0, 1.0, factor * factor, factor * factor])
        self.state: FloatArray = np.zeros((0, 5, 4))

    def __len__(self) -> int:
        return len(self.state)

    @property
    def boxes(self) -> FloatArray:
        """Boxes as the filter believes them now, `(T, 4)` xyxy in pixels."""
        return cxcywh_to_xyxy(self.state[:, POSITION])

    @property
    def heights(self) -> FloatArray:
        """Their heights, `(T,)` in pixels."""
        return self.state[:, POSITION, 3]

    def direction_agreement(self, origins: FloatArray, points: FloatArray) -> FloatArray:
        """Return how well moves from `origins` to `points` agree with the boxes' course, `(T, D)`.

        The cosine between both, times how sure the filter is that the box moves at all: its speed²
        as a part of speed² and variance.

        Args:
            origins: Where each box was last seen, `(T, 2)` centres in pixels.
            points: Where it may be now, `(D, 2)`.

        Source:
            Cao et al. 2023 (OC-SORT), section 3.3.
        """
        velocity = self.state[:, VELOCITY, :2]
        variance = self.state[:, VAR_VELOCITY, 0] + self.state[:, VAR_VELOCITY, 1]
        speed_sq = velocity[:, 0] ** 2 + velocity[:, 1] ** 2
        move = points - origins[:, None]  # (T, D, 2)
        distance = np.sqrt(move[..., 0] ** 2 + move[..., 1] ** 2)
        along = move[..., 0] * velocity[:, :1] + move[..., 1] * velocity[:, 1:]
        # cos · speed² / (speed² + variance), with one division and no 0 / 0
        scale = np.sqrt(speed_sq) / (speed_sq + variance)
        agreement: FloatArray = along * scale[:, None] / np.maximum(distance, 1e-9)
        return agreement

    def squared_misses(self, rows: IntArray, boxes: FloatArray) -> FloatArray:
        """Return the squared Mahalanobis distances of boxes from the filters `rows`.

        Args:
            rows: `(n,)`.
            boxes: Measured boxes, `(D, 4)`.

        Returns:
            `(n, D)`: yᵀ S⁻¹ y over centre, width and height.

        Source:
            Wojke et al. 2017 (DeepSORT), eq. 1.
        """
        s = self.state[rows]
        S = s[:, VAR_POSITION] + self.config.measurement_std**2 * s[:, POSITION, 3:] ** 2
        y = xyxy_to_cxcywh(boxes) - s[:, POSITION, None]  # (n, D, 4)
        misses: FloatArray = (y * y / S[:, None]).sum(axis=-1)
        return misses

    def add(self, boxes: FloatArray) -> None:
        """Append filters at rest on boxes `(n, 4)`."""
        position = xyxy_to_cxcywh(boxes)
        height_sq = position[:, 3:] ** 2
        born = np.zeros((len(boxes), 5, 4))
        born[:, POSITION] = position
        born[:, VAR_POSITION] = self.config.measurement_std**2 * height_sq
        born[:, VAR_VELOCITY] = self.config.initial_speed_std**2 * height_sq * self._axis_variance
        self.state = np.concatenate([self.state, born])

    def keep(self, index: BoolArray | IntArray) -> None:
        """Drop every filter that `index` does not name."""
        self.state = self.state[index]

    def predict(self) -> None:
        """Move every box on by one frame: x = F x, P = F P Fᵀ + Q with F = [[1, 1], [0, k]].

        k is 1 for the centre and `size_speed_kept` for width and height.
        """
        s = self.state
        height_sq = s[:, POSITION, 3:] ** 2
        q = (self.config.acceleration_std**2 * height_sq) * self._axis_variance
        s[:, VAR_POSITION] += 2.0 * s[:, COVARIANCE] + s[:, VAR_VELOCITY] + UNIT_Q[0, 0] * q
        s[:, COVARIANCE] += s[:, VAR_VELOCITY]
        s[:, COVARIANCE] *= self._speed_kept
        s[:, COVARIANCE] += UNIT_Q[0, 1] * q
        s[:, VAR_VELOCITY] *= self._speed_kept**2
        s[:, VAR_VELOCITY] += UNIT_Q[1, 1] * q
        s[:, POSITION] += s[:, VELOCITY]
        s[:, VELOCITY] *= self._speed_kept
        np.maximum(s[:, POSITION, 2:], MIN_SIZE_PX, out=s[:, POSITION, 2:])

    def update(self, rows: IntArray, boxes: FloatArray) -> None:
        """Correct the filters `rows` by measured boxes `(len(rows), 4)`.

        With H = [1, 0]: S = P₀₀ + R, K = [P₀₀, P₀₁]ᵀ / S, x += K y, P -= K H P.
        """
        s = self.state[rows]
        R = self.config.measurement_std**2 * s[:, POSITION, 3:] ** 2
        S = s[:, VAR_POSITION] + R
        gain_position = s[:, VAR_POSITION] / S
        gain_velocity = s[:, COVARIANCE] / S
        y = xyxy_to_cxcywh(boxes) - s[:, POSITION]
        s[:, POSITION] += gain_position * y
        s[:, VELOCITY] += gain_velocity * y
        s[:, VAR_VELOCITY] -= gain_velocity * s[:, COVARIANCE]
        s[:, COVARIANCE] *= 1.0 - gain_position
        s[:, VAR_POSITION] *= 1.0 - gain_position
        np.maximum(s[:, POSITION, 2:], MIN_SIZE_PX, out=s[:, POSITION, 2:])
        self.state[rows] = s

    def warp(self, affine: FloatArray) -> None:
        """Carry the boxes along with a camera motion.

        Sizes follow the motion's scale only: a box stays upright when the camera rolls.

        Args:
            affine: `(2, 3)`, from the previous frame's pixels to this one's.

        Source:
            Aharon et al. 2022 (BoT-SORT), section 3.2.
        """
        s = self.state
        linear, shift = affine[:, :2], affine[:, 2]
        scale_sq = abs(float(np.linalg.det(linear)))
        s[:, POSITION, :2] = s[:, POSITION, :2] @ linear.T + shift
        s[:, VELOCITY, :2] = s[:, VELOCITY, :2] @ linear.T
        s[:, POSITION : VELOCITY + 1, 2:] *= np.sqrt(scale_sq)
        s[:, VAR_POSITION:] *= scale_sq
