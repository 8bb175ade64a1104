"""What the matting network learns from: heads, stages, validation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from instmatt_video.errors import OptionError
from instmatt_video.models.checkpoint import load_matting_weights
from instmatt_video.models.instance_matting import InstanceMattingNetwork
from instmatt_video.models.matting_network import MattingOutput
from instmatt_video.training.matting import task as matting_task
from instmatt_video.training.matting.batch import (
    MattingBatch,
    MattingBatchConfig,
    MattingBatchMaker,
)
from instmatt_video.training.matting.task import (
    Curriculum,
    MattingTask,
    branch_loss,
    to_8bit,
)
from instmatt_video.training.matting.validation import make_validation
from instmatt_video.training.pictures.composite_pool import CompositePool
from instmatt_video.training.pictures.cutouts import CutoutLibrary
from instmatt_video.training.pictures.held_out import hold_out, read_split
from instmatt_video.training.pictures.packs import ImagePack
from tests.tiny_network import TINY
from tests.training.made_people import place, write_packs, write_rgb


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> MattingBatchMaker:
    folder = tmp_path_factory.mktemp("packs")
    write_packs(folder)
    cutouts = CutoutLibrary(ImagePack(folder / "cutouts", "rgba"))
    backgrounds = ImagePack(folder / "backgrounds")
    config = MattingBatchConfig(pictures=2)
    people = CompositePool(cutouts, np.ones(len(cutouts)), backgrounds, backgrounds.names)
    return MattingBatchMaker(people, [], config, 1)


@pytest.fixture(scope="module")
def batch(maker: MattingBatchMaker) -> MattingBatch:
    made = next(b for b in (maker.make(k, size_px=64) for k in range(20)) if len(b.groups) == 4)
    return made


def task(maker: MattingBatchMaker, stage: int, **kwargs: object) -> MattingTask:
    torch.manual_seed(3)
    return MattingTask(
        InstanceMattingNetwork(TINY), stage, maker, (), Curriculum(), steps=10, **kwargs
    )


class TestCurriculum:
    @pytest.mark.parametrize(
        ("starts", "sizes_px", "words"),
        [
            pytest.param((0.0, 0.5), (64,), "a size for each of 2", id="a size too few"),
            pytest.param((0.1,), (64,), "grow from 0", id="nothing at the start"),
            pytest.param((0.0, 0.6, 0.3), (64, 96, 96), "grow from 0", id="out of order"),
            pytest.param((), (), "grow from 0", id="empty"),
            pytest.param((0.0,), (100,), "a multiple of 32", id="no multiple"),
            pytest.param((0.0,), (32,), "from 64", id="too small"),
        ],
    )
    def test_what_cannot_be(
        self, starts: tuple[float, ...], sizes_px: tuple[int, ...], words: str
    ) -> None:
        with pytest.raises(ValueError, match=words):
            Curriculum(starts, sizes_px)

    def test_sizes_by_progress(self) -> None:
        curriculum = Curriculum((0.0, 0.6), (192, 256))
        assert [curriculum.size_at(p) for p in (0, 0.59, 0.6, 1)] == [192, 192, 256, 256]

    def test_a_task_asks_for_the_size_of_the_step(self, maker: MattingBatchMaker) -> None:
        made = MattingTask(
            InstanceMattingNetwork(TINY), 1, maker, (), Curriculum((0.0, 0.5), (64, 96)), steps=10
        )
        assert made.make_batch(4, 0).image.shape[-1] == 64
        assert made.make_batch(5, 0).image.shape[-1] == 96


class TestBranchLoss:
    def output(self, os1: Tensor, os4: Tensor, os8: Tensor) -> MattingOutput:
        return MattingOutput(os1, os4, os8, os1[:, :1])

    def test_the_truth_costs_nothing(self, batch: MattingBatch) -> None:
        truth = batch.tri_mattes
        total, parts = branch_loss(self.output(truth, truth, truth), batch)
        # The layers' colours are divided by alpha + 1e-4: Eq. 10 is not exactly 0.
        assert total < 0.02
        for name in ("alpha", "laplacian", "constraint", "os4", "os8"):
            assert parts[name] < 1e-5

    def test_every_head_counts(self, batch: MattingBatch) -> None:
        truth = batch.tri_mattes
        wrong = truth.roll(1, dims=1)
        least, _ = branch_loss(self.output(truth, truth, truth), batch)
        for heads in ((wrong, truth, truth), (truth, wrong, truth), (truth, truth, wrong)):
            assert branch_loss(self.output(*heads), batch)[0] > least + 0.01

    def test_nothing_is_learned_where_nothing_is_known(self, batch: MattingBatch) -> None:
        weight = torch.zeros_like(batch.weight)
        weight[..., :32] = 1
        half = replace(batch, weight=weight, has_layers=torch.zeros_like(batch.has_layers))
        heads = [torch.full_like(batch.tri_mattes, 1 / 3).requires_grad_() for _ in range(3)]
        total, _ = branch_loss(self.output(*heads), half)
        total.backward()
        for head, reach in zip(heads, (32, 0, 0), strict=True):
            assert head.grad is not None and head.grad[..., :32].any()
            # A pyramid at stride 16 reaches past the border; the plain terms do not.
            assert not head.grad[..., 32 + reach :].any()

    def test_a_photos_unknown_band_teaches_no_known_pixel(self, batch: MattingBatch) -> None:
        # Right wherever the truth is known, and wrong in the band: coarse levels of the Laplacian
        # pyramid would see the band from afar.
        weight = torch.ones_like(batch.weight)
        weight[..., 20:44] = 0
        photo = replace(batch, weight=weight, has_layers=torch.zeros_like(batch.has_layers))
        guess = torch.where(weight > 0, batch.tri_mattes, batch.tri_mattes.roll(1, dims=1))
        _, parts = branch_loss(self.output(guess, guess, guess), photo)
        assert max(parts.values()) < 1e-5


class TestStages:
    def test_what_is_trained(self, maker: MattingBatchMaker) -> None:
        for stage, is_frozen, trained in (
            (1, True, {"branch"}),
            (1, False, {"branch"}),
            (2, True, {"refinement"}),
            (2, False, {"branch", "refinement"}),
        ):
            parameters = task(maker, stage, is_branch_frozen=is_frozen).network.named_parameters()
            assert {n.split(".")[0] for n, p in parameters if p.requires_grad} == trained

    def test_there_is_no_third(self, maker: MattingBatchMaker) -> None:
        with pytest.raises(ValueError, match="stage must be 1 or 2, not 3"):
            task(maker, 3)

    @pytest.mark.parametrize(("stage", "is_frozen"), [(1, False), (2, True), (2, False)])
    def test_gradients_reach_what_is_trained_and_nothing_else(
        self, maker: MattingBatchMaker, batch: MattingBatch, stage: int, is_frozen: bool
    ) -> None:
        made = task(maker, stage, is_branch_frozen=is_frozen)
        made.network.train()
        loss, parts = made.loss(made.network, batch, 0)
        assert torch.isfinite(loss) and {"alpha", "composition"} <= parts.keys()
        loss.backward()
        for name, parameter in made.network.named_parameters():
            assert (parameter.grad is not None) == parameter.requires_grad, name

    def test_the_refinement_learns_nothing_of_people_alone(
        self, maker: MattingBatchMaker, batch: MattingBatch
    ) -> None:
        made = task(maker, 2, is_branch_frozen=True)
        made.network.train()
        alone = replace(batch, groups=torch.arange(len(batch.groups)))
        assert made.loss(made.network, alone, 0)[0] == 0
        together = replace(batch, groups=torch.zeros_like(batch.groups))
        assert made.loss(made.network, together, 0)[0] > 0.001

    def test_a_frozen_branch_keeps_its_statistics(
        self, maker: MattingBatchMaker, batch: MattingBatch
    ) -> None:
        made = task(maker, 2, is_branch_frozen=True)
        made.network.train()
        before = {k: v.clone() for k, v in made.network.state_dict().items()}
        made.loss(made.network, batch, 0)
        after = made.network.state_dict()
        assert all(torch.equal(before[k], after[k]) for k in before)

    def test_saved_weights_load(self, maker: MattingBatchMaker, tmp_path: Path) -> None:
        made = task(maker, 1)
        made.save_weights(made.network, tmp_path / "w.safetensors")
        loaded = load_matting_weights(tmp_path / "w.safetensors")
        assert loaded.config == TINY
        state = made.network.state_dict()
        for key, value in loaded.state_dict().items():
            torch.testing.assert_close(value, state[key], atol=1e-3, rtol=1e-3)


class TestSecondLook:
    @pytest.fixture
    def guidance(
        self, maker: MattingBatchMaker, batch: MattingBatch, monkeypatch: pytest.MonkeyPatch
    ) -> Callable[[float, int], Tensor]:
        """Return what the branch is trained with, at a chance and a step."""

        def trained_with(chance: float, step: int) -> Tensor:
            made = task(maker, 1, second_look_chance=chance)
            made.network.train()
            seen: list[Tensor] = []
            made.network.branch.register_forward_pre_hook(lambda _, args: seen.append(args[1]))
            before = {k: v.clone() for k, v in made.network.named_buffers()}
            loss, _ = made.loss(made.network, batch, step)
            loss.backward()
            (guidance,) = seen
            assert made.network.branch.training
            assert any(not torch.equal(v, before[k]) for k, v in made.network.named_buffers())
            return guidance

        return trained_with

    def test_guidance_is_what_the_network_answers(
        self,
        maker: MattingBatchMaker,
        batch: MattingBatch,
        guidance: Callable[[float, int], Tensor],
    ) -> None:
        network = task(maker, 1).network.eval()
        assert isinstance(network, InstanceMattingNetwork)
        with torch.no_grad():
            answer = network.look_first(batch.image, batch.tri_masks, batch.groups)
        assert torch.equal(guidance(1.0, 0), answer)
        assert torch.equal(guidance(0.0, 0), batch.tri_masks)

    def test_it_is_the_guidance_of_whole_pictures_and_the_same_at_the_same_step(
        self, batch: MattingBatch, guidance: Callable[[float, int], Tensor]
    ) -> None:
        shares = []
        for step in range(12):
            made = guidance(0.5, step)
            assert torch.equal(made, guidance(0.5, step))
            is_kept = torch.tensor(
                [torch.equal(a, b) for a, b in zip(made, batch.tri_masks, strict=True)]
            )
            for picture in batch.groups.unique():
                assert len(is_kept[batch.groups == picture].unique()) == 1
            shares.append(is_kept.float().mean())
        assert 0.2 < float(torch.stack(shares).mean()) < 0.8

    def test_seed_and_process_decide_whose_it_is(
        self,
        maker: MattingBatchMaker,
        batch: MattingBatch,
        guidance: Callable[[float, int], Tensor],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def kept() -> list[bool]:
            made = (guidance(0.5, step) for step in range(5))
            return [
                torch.equal(a, b) for m in made for a, b in zip(m, batch.tri_masks, strict=True)
            ]

        first = kept()
        for owner, name, other in ((maker, "seed", 2), (matting_task, "process_rank", lambda: 1)):
            with monkeypatch.context() as patch:
                patch.setattr(owner, name, other)
                assert kept() != first
        assert kept() == first

    def test_it_has_the_precision_of_the_training(
        self, maker: MattingBatchMaker, batch: MattingBatch
    ) -> None:
        losses = {}
        for precision in ("32-true", "bf16-mixed"):
            made = task(maker, 1, second_look_chance=1.0)
            made.network.train()
            wrapped = Fabric(accelerator="cpu", precision=precision).setup(made.network)
            looks: list[tuple[bool, bool]] = []
            convolutions = [m for m in made.network.branch.modules() if isinstance(m, nn.Conv2d)]
            for convolution in convolutions:
                convolution.register_forward_pre_hook(
                    lambda *_, looks=looks: looks.append(
                        (torch.is_grad_enabled(), torch.is_autocast_enabled("cpu"))
                    )
                )
            losses[precision], _ = made.loss(wrapped, batch, 0)
            is_mixed = precision == "bf16-mixed"
            assert set(looks) == {(False, is_mixed), (True, is_mixed)}
        assert losses["bf16-mixed"].item() == pytest.approx(losses["32-true"].item(), rel=0.03)

    def test_batch_norms_learn_nothing_from_it(
        self, maker: MattingBatchMaker, batch: MattingBatch
    ) -> None:
        made = task(maker, 2, is_branch_frozen=True, second_look_chance=1.0)
        made.network.train()
        before = {k: v.clone() for k, v in made.network.named_buffers()}
        made.loss(made.network, batch, 0)
        assert all(torch.equal(v, before[k]) for k, v in made.network.named_buffers())


class TestValidation:
    @pytest.fixture(scope="class")
    def pools(self, tmp_path_factory: pytest.TempPathFactory) -> tuple[CutoutLibrary, ImagePack]:
        folder = tmp_path_factory.mktemp("validation")
        write_packs(folder, 6, 2)
        return CutoutLibrary(ImagePack(folder / "cutouts", "rgba")), ImagePack(
            folder / "backgrounds"
        )

    def test_pictures_depend_on_their_number_alone(
        self, pools: tuple[CutoutLibrary, ImagePack]
    ) -> None:
        cutouts, places = pools
        long = make_validation(cutouts, places, places.names, 3, 96)
        short = make_validation(cutouts, places, places.names, 2, 96)
        assert len(long) == 3 and len(short) == 2
        for a, b in zip(long, short, strict=False):
            assert np.array_equal(a.pixels, b.pixels) and np.array_equal(a.alphas, b.alphas)
            assert torch.equal(a.masks, b.masks)
        for picture in long:
            n = len(picture.alphas)
            assert 2 <= n <= 5 and picture.masks.shape == (n, 96, 96)
            assert picture.pixels.shape == (96, 96, 3) and picture.alphas.dtype == np.uint8
            assert picture.alphas.astype(int).sum(0).max() <= 255 + n

    def test_the_truth_scores_100_and_nothing_scores_less(
        self, pools: tuple[CutoutLibrary, ImagePack], maker: MattingBatchMaker
    ) -> None:
        cutouts, places = pools
        pictures = make_validation(cutouts, places, places.names, 2, 96)

        class Knowing(InstanceMattingNetwork):
            def matte_picture(
                self, image: Tensor, masks: Tensor, has_refinement: bool = True
            ) -> Tensor:
                for picture in pictures:
                    if torch.equal(picture.masks, masks):
                        return torch.from_numpy(picture.alphas.astype(np.float32) / 255)
                raise AssertionError("a picture of no validation")

        made = MattingTask(Knowing(TINY), 1, maker, pictures, Curriculum(), 10)
        figures = made.validate(made.network)
        assert figures == pytest.approx(dict.fromkeys(("mad", "mse", "grad", "conn", "score"), 100))
        plain = MattingTask(InstanceMattingNetwork(TINY), 1, maker, pictures, Curriculum(), 10)
        plain.network.eval()
        assert plain.validate(plain.network)["score"] < 60

    def test_people_who_cannot_stand_side_by_side_are_told_of(self, tmp_path: Path) -> None:
        # Half the picture's height or more, each covers eight ninths of its width or more.
        for k in range(5):
            write_rgb(tmp_path / "cut" / f"{k}.png", np.full((36, 64, 4), 255, np.uint8))
        write_rgb(tmp_path / "places" / "0.png", place())
        places = ImagePack(tmp_path / "places")
        cutouts = CutoutLibrary(ImagePack(tmp_path / "cut"))
        with pytest.raises(OptionError, match=r"cut: held-out cut-outs hide one another.*32x32"):
            make_validation(cutouts, places, places.names, 1, 32)

    def test_held_out_lists(self) -> None:
        cutouts = read_split("matting_val_cutouts") + read_split("matting_val_photo_people")
        places = read_split("matting_val_backgrounds")
        assert len(set(cutouts)) == len(cutouts) >= 5 and len(set(places)) == len(places) >= 1
        assert hold_out([*cutouts, "a.png"], [*places, "b.png"]) == (cutouts, places)

    def test_8_bit_rounds(self) -> None:
        alphas = torch.tensor([0.0, 0.4 / 255, 0.6 / 255, 1.0])
        assert to_8bit(alphas).tolist() == [0, 0, 1, 255]
