"""How a matting network is trained; the schedule, as TOML."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..loop_config import LoopConfig
from ..ranges import check_ranges, check_sides
from .batch import MattingBatchConfig
from .task import Curriculum


@dataclass(frozen=True)
class MattingTraining:
    """How a matting network is trained."""

    preset: str = "lite"
    mask_channels: int = 3
    """1: target mask only; 2: and reference; 3: and background, the tri-mask (Table 3)."""
    validation_pictures: int = 40
    validation_side_px: int = 384
    batch: MattingBatchConfig = field(default_factory=MattingBatchConfig)
    curriculum: Curriculum = field(default_factory=Curriculum)
    stage1: LoopConfig = field(default_factory=lambda: LoopConfig(steps=0))
    stage2: LoopConfig = field(default_factory=lambda: LoopConfig(steps=0))
    """A stage that the schedule does not name has no steps, and is not trained by it."""
    is_branch_frozen: bool = False
    """Stage 2 trains the refinement alone, as the release; else the branch too, as the paper."""
    second_look_chance: float = 0.0
    """Share of pictures whose guidance is the network's own first answer; above 0 the weights say
    that they look twice."""
    stage2_curriculum: Curriculum = field(default_factory=Curriculum)
    """Window sizes of stage 2."""
    stage2_targets: int | None = None
    """Targets of each picture in stage 2, where the refinement learns from people who share one;
    `batch.targets` unless given."""

    def __post_init__(self) -> None:
        check_ranges(self, ("mask_channels",), 1, 3)
        check_ranges(self, ("validation_pictures",), 0)
        check_sides(self, "validation_side_px")
        check_ranges(self, ("second_look_chance",), 0, 1)
        if self.stage2_targets is not None:
            check_ranges(self, ("stage2_targets",), 1)
