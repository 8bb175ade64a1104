"""Settings of the tracker and of the offline pass. Lengths are counted in frames."""

from __future__ import annotations

from dataclasses import dataclass, field


def _check(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name} is {value}; allowed are {low} to {high}")


@dataclass(frozen=True)
class MotionConfig:
    """Noise of the constant-velocity model, in box heights: near and far obey one rule."""

    measurement_std: float = 0.07
    """How far a detected centre or side lies from the truth, in box heights."""
    acceleration_std: float = 0.007
    """Change of speed from frame to frame, in box heights per frame²."""
    initial_speed_std: float = 0.08
    """Speed of a newborn track, in box heights per frame."""
    size_factor: float = 0.5
    """Width and height change this much slower than the centre moves, 0..1."""

    size_speed_kept: float = 0.9
    """Part of the speed of width and height that is left after a frame, 0..1: people do not grow
    for ever."""

    def __post_init__(self) -> None:
        _check("size_speed_kept", self.size_speed_kept, 0.0, 1.0)
        _check("measurement_std", self.measurement_std, 1e-4, 1.0)
        _check("acceleration_std", self.acceleration_std, 1e-5, 1.0)
        _check("initial_speed_std", self.initial_speed_std, 1e-5, 1.0)
        _check("size_factor", self.size_factor, 1e-3, 1.0)


@dataclass(frozen=True)
class TrackerConfig:
    """Births, lives and deaths of tracks."""

    high_score: float = 0.6
    """Detections from this score on take part in the first association, 0..1."""
    low_score: float = 0.1
    """Detections below this score are ignored, 0..1."""
    birth_score: float = 0.7
    """A detection that nobody claims starts a track from this score on, 0..1."""
    confirm_frames: int = 4
    """Detections after which a track is real; its earlier frames are then given back. Where the
    detector skips frames, fewer do, over the same time."""
    miss_cost: int = 2
    """A miss takes so many detections back from a track that is not confirmed; with none left it
    ends. A person seen in three of four frames stays; what flickers does not."""
    max_lost_frames: int = 30
    """A confirmed track coasts this long without a detection before it ends."""
    buffer_fraction: float = 0.3
    """Boxes grow by this part of their size on each side before they are compared."""
    min_iou: float = 0.2
    """Least overlap of grown boxes in the first association, 0..1."""
    min_iou_low_score: float = 0.4
    """Least overlap of grown boxes for a detection of low score, 0..1."""
    min_iou_tentative: float = 0.3
    """Least overlap of grown boxes for a track that is not confirmed, 0..1."""
    max_newborn_miss: float = 4.0
    """Farthest that a detection may lie from where a track that is not confirmed is expected, in
    standard deviations, when boxes do not overlap but neither has another to choose."""
    direction_weight: float = 0.1
    """What a move straight along a track's course adds to the overlap of a pair, 0..1; a move back
    takes it away."""
    duplicate_iou: float = 0.9
    """Of two detections that overlap this much (mask and box) the weaker is dropped, 0..1; 1 keeps
    all."""
    mask_weight: float = 0.5
    """Share of mask overlap in the overlap of two people where both have masks, 0..1."""
    appearance_weight: float = 0.5
    """What a perfect match of appearance adds to the overlap of a pair, 0..1."""
    appearance_memory: float = 0.9
    """Share of a track's old appearance that one more detection leaves, 0..1."""
    min_lost_similarity: float = 0.75
    """Cosine of appearance below which a detection is not the person that a lost track waits
    for."""
    max_reentry_frames: int = 60
    """An ended track may be taken up again by appearance for so long after it was last seen; 0:
    never."""
    max_reentry_speed: float = 0.1
    """Way that an absent person may have gone since last seen, in box heights per frame: a run at
    25 frames/s. Whoever looks alike farther away is somebody else."""
    min_reentry_similarity: float = 0.96
    """Cosine of appearance from which an absent person's track is taken up again, 0..1."""
    min_reentry_margin: float = 0.03
    """By this much the best absent person must be more alike than the second, 0..1."""
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
            "direction_weight",
            "duplicate_iou",
            "mask_weight",
            "appearance_weight",
            "appearance_memory",
            "min_lost_similarity",
            "min_reentry_similarity",
            "min_reentry_margin",
        ):
            _check(name, getattr(self, name), 0.0, 1.0)
        _check("confirm_frames", self.confirm_frames, 1, 1000)
        _check("miss_cost", self.miss_cost, 1, 1000)
        _check("max_lost_frames", self.max_lost_frames, 0, 10**6)
        _check("max_reentry_frames", self.max_reentry_frames, 0, 10**6)
        _check("max_newborn_miss", self.max_newborn_miss, 0.0, 10**6)
        _check("max_reentry_speed", self.max_reentry_speed, 0.0, 10**6)
        _check("buffer_fraction", self.buffer_fraction, 0.0, 2.0)
        if self.low_score > self.high_score:
            raise ValueError(f"low_score {self.low_score} is above high_score {self.high_score}")


@dataclass(frozen=True)
class StitchConfig:
    """The offline pass: which tracklets are one person."""

    max_gap_frames: int = 30
    """Longest absence that motion alone may bridge."""
    velocity_frames: int = 6
    """Frames at a tracklet's end from which its speed is measured."""
    coast_frames: float = 20.0
    """A person's speed is forgotten over this many frames of absence."""
    position_std: float = 0.15
    """Expected miss of the extrapolated position at a gap of one frame, in box heights."""
    drift_std: float = 0.005
    """What each further frame of a gap adds to the expected miss, in box heights."""
    size_std: float = 0.15
    """Expected change of height over a gap, as a logarithm."""
    max_cost: float = 4.0
    """Pairs whose squared misses sum to more are never joined."""
    appearance_weight: float = 20.0
    """What a loss of 1 in cosine against `neutral_similarity` adds to the cost."""
    neutral_similarity: float = 0.93
    """Cosine that speaks neither for nor against one person, 0..1."""
    max_absence_frames: int = 150
    """Longest absence that strong appearance may bridge, cuts included."""
    strong_similarity: float = 0.99
    """Cosine from which appearance alone joins, 0..1."""
    strong_margin: float = 0.02
    """By this much a pair joined by appearance alone must be more alike than the next best."""
    min_identity_frames: int = 10
    """A person detected in fewer frames is dropped, unless a shot allowed no more."""
    min_unconfirmed_frames: int = 10
    """So is a person in fewer frames of whom no tracklet was confirmed: somebody found in every
    other frame may be a chain of tracklets that all ended young."""
    min_cut_off_frames: int = 4
    """A confirmed person seen so often at a shot's beginning or end may have been there before it,
    or after."""
    min_mean_score: float = 0.6
    """A person is dropped of whose detections the better half, or twice `min_identity_frames` if
    these are more, is less certain on average, 0..1."""

    def __post_init__(self) -> None:
        for name in ("neutral_similarity", "strong_similarity", "strong_margin", "min_mean_score"):
            _check(name, getattr(self, name), 0.0, 1.0)
        for name in ("max_gap_frames", "max_absence_frames"):
            _check(name, getattr(self, name), 0, 10**6)
        for name in (
            "velocity_frames",
            "min_identity_frames",
            "min_unconfirmed_frames",
            "min_cut_off_frames",
        ):
            _check(name, getattr(self, name), 1, 10**6)
        for name in ("coast_frames", "position_std", "size_std"):
            _check(name, getattr(self, name), 1e-3, 10**6)
        for name in ("drift_std", "max_cost", "appearance_weight"):
            _check(name, getattr(self, name), 0.0, 10**6)
