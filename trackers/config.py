"""Settings of the tracker and of the offline pass. Lengths are counted in frames."""

from __future__ import annotations

from dataclasses import dataclass, field


def _check(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name} is {value}; allowed are {low} to {high}")


@dataclass(frozen=True)
class MotionConfig:
    """Noise of the constant-velocity model, in box heights, so that near and far people obey one rule."""

    measurement_std: float = 0.07
    """How far a detected centre or side lies from the truth, in box heights."""
    acceleration_std: float = 0.007
    """Change of speed from frame to frame, in box heights per frame²."""
    initial_speed_std: float = 0.08
    """Speed of a newborn track, in box heights per frame."""
    size_factor: float = 0.5
    """Width and height change this much slower than the centre moves, 0..1."""

    size_speed_kept: float = 0.9
    """Part of the speed of width and height that is left after a frame, 0..1: people do not grow for ever."""

    def __post_init__(self) -> None:
        _check("size_speed_kept", self.size_speed_kept, 0.0, 1.0)
        _check("measurement_std", self.measurement_std, 1e-4, 1.0)
        _check("acceleration_std", self.acceleration_std, 1e-5, 1.0)
        _check("initial_speed_std", self.initial_speed_std, 1e-5, 1.0)
        _check("size_factor", self.size_factor, 1e-3, 1.0)


@dataclass(frozen=True)
class TrackerConfig:
    """Births, lives and deaths of tracks."""

    high_score: float = 0.7
    """Detections from this score on take part in the first association, 0..1."""
    low_score: float = 0.1
    """Detections below this score are ignored, 0..1."""
    birth_score: float = 0.7
    """A detection that nobody claims starts a track from this score on, 0..1."""
    confirm_frames: int = 4
    """Detections in a row after which a track is real; its earlier frames are then given back."""
    max_lost_frames: int = 30
    """A confirmed track coasts this long without a detection before it ends."""
    buffer_fraction: float = 0.35
    """Boxes grow by this part of their size on each side before they are compared."""
    min_iou: float = 0.1
    """Least overlap of grown boxes in the first association, 0..1."""
    min_iou_low_score: float = 0.3
    """Least overlap of grown boxes for a detection of low score, 0..1."""
    min_iou_tentative: float = 0.3
    """Least overlap of grown boxes for a track that is not confirmed, 0..1."""
    duplicate_iou: float = 0.9
    """Of two detections that overlap this much (mask and box) the weaker is dropped, 0..1; 1 keeps all."""
    mask_weight: float = 0.5
    """Share of mask overlap in the overlap of two people where both have masks, 0..1."""
    appearance_weight: float = 0.5
    """What a perfect match of appearance adds to the overlap of a pair, 0..1."""
    appearance_memory: float = 0.9
    """Share of a track's old appearance that one more detection leaves, 0..1."""
    max_reentry_frames: int = 90
    """A track that ended may be taken up again by appearance for this long; 0 switches this off."""
    min_reentry_similarity: float = 0.9
    """Cosine of appearance from which an ended track is taken up again, 0..1."""
    min_reentry_margin: float = 0.03
    """By this much the best ended track must be more alike than the second, 0..1."""
    motion: MotionConfig = field(default_factory=MotionConfig)
    """The motion model."""

    def __post_init__(self) -> None:
        for name in (
            "high_score",
            "low_score",
            "birth_score",
            "min_iou",
            "min_iou_low_score",
            "min_iou_tentative",
            "duplicate_iou",
            "mask_weight",
            "appearance_weight",
            "appearance_memory",
            "min_reentry_similarity",
            "min_reentry_margin",
        ):
            _check(name, getattr(self, name), 0.0, 1.0)
        _check("confirm_frames", self.confirm_frames, 1, 1000)
        _check("max_lost_frames", self.max_lost_frames, 0, 10**6)
        _check("max_reentry_frames", self.max_reentry_frames, 0, 10**6)
        _check("buffer_fraction", self.buffer_fraction, 0.0, 2.0)
        if self.low_score > self.high_score:
            raise ValueError(f"low_score {self.low_score} is above high_score {self.high_score}")
