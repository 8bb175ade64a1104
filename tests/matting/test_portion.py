"""Memory that runs out within the network: the same mattes from smaller portions, or one line."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from instmatt_video.errors import DeviceError, is_out_of_memory
from instmatt_video.matting.matter import Matter
from instmatt_video.matting.portion import Portion, Portions
from instmatt_video.models.instance_matting import InstanceMattingNetwork
from tests.tiny_network import TINY

CPU = torch.device("cpu")
NO_ROOM = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def tiny_network() -> InstanceMattingNetwork:
    torch.manual_seed(0)
    return InstanceMattingNetwork(TINY)


@pytest.fixture
def crowd() -> tuple[np.ndarray, np.ndarray]:
    """Three people who touch: a picture and their masks."""
    masks = np.zeros((3, 150, 260), np.float32)
    for mask, x in zip(masks, (60, 95, 130), strict=True):
        cv2.ellipse(mask, (x, 75), (22, 55), 0, 0, 360, 1, -1)
    image = np.full((150, 260, 3), 128, np.uint8)
    for mask, color in zip(masks, ((210, 60, 40), (50, 180, 60), (40, 60, 220)), strict=True):
        image[mask > 0.5] = color
    return image, masks


def test_torch_says_of_a_cpu_too_that_memory_ran_out() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(10**15)
    assert is_out_of_memory(caught.value)
    assert not is_out_of_memory(RuntimeError("shapes do not fit"))


def test_so_does_opencv() -> None:
    with pytest.raises(cv2.error) as caught:
        cv2.resize(np.zeros((1, 1, 4), np.float32), (2**31 - 1, 2**16))
    assert is_out_of_memory(caught.value)


def test_portions_are_halved_down_to_one_person_and_frame() -> None:
    portion: Portion | None = Portion(people=8, patches=1024)
    seen = []
    while portion is not None:
        seen.append((portion.people, portion.patches, portion.is_frame_alone))
        portion = portion.reduced()
    assert seen == [
        (8, 1024, False),
        (4, 512, False),
        (2, 256, False),
        (1, 128, False),
        (1, 64, True),
    ]


class TestPortions:
    @pytest.mark.parametrize(
        ("device", "advice"),
        [("cpu", "try a smaller --matte-size"), ("meta", "--matte-size, or --device cpu")],
        ids=["on a CPU", "elsewhere"],
    )
    def test_the_last_error_says_what_to_do(self, device: str, advice: str) -> None:
        portions = Portions(torch.device(device), people=1)
        portions.reduce(portions.current, NO_ROOM)
        assert portions.current.is_frame_alone
        with pytest.raises(DeviceError) as caught:
            portions.reduce(portions.current, NO_ROOM)
        assert str(caught.value).endswith(advice) and "\n" not in str(caught.value)

    def test_two_threads_that_fail_together_reduce_once(self) -> None:
        portions = Portions(CPU, people=8)
        tried = portions.current
        portions.reduce(tried, NO_ROOM)
        portions.reduce(tried, NO_ROOM)
        assert portions.current == tried.reduced()


class TestMatter:
    def test_looks_take_fewer_people(
        self, crowd: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        network = tiny_network()
        expected = Matter(network).matte_masks(*crowd)
        predict_coarse = network.predict_coarse
        batches = []

        def look(image: Tensor, *guidance: object) -> object:
            batches.append(len(image))
            if len(image) > 1:
                raise NO_ROOM
            return predict_coarse(image, *guidance)

        monkeypatch.setattr(network, "predict_coarse", look)
        assert np.array_equal(Matter(network, batch_size=2).matte_masks(*crowd), expected)
        assert max(batches) == 2 and batches[-1] == 1

    def test_refinement_takes_fewer_blocks(
        self, crowd: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        network = tiny_network()
        expected = Matter(network).matte_masks(*crowd)
        aggregate = network.refinement._aggregate_patches
        blocks = []

        def small(x: Tensor, is_inside: Tensor) -> Tensor:
            blocks.append(len(x))
            if len(x) > 8:
                raise NO_ROOM
            return aggregate(x, is_inside)

        monkeypatch.setattr(network.refinement, "_aggregate_patches", small)
        alphas = Matter(network).matte_masks(*crowd)
        assert np.abs(alphas - expected).max() < 1e-6
        assert max(blocks) > 8, "memory ran out"

    def test_other_errors_are_not_hidden(
        self, crowd: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*args: object) -> None:
            raise RuntimeError("shapes do not fit")

        network = tiny_network()
        monkeypatch.setattr(network, "predict_coarse", broken)
        with pytest.raises(RuntimeError, match="shapes do not fit"):
            Matter(network).matte_masks(*crowd)

    def test_at_last_frames_wait_for_each_other(
        self, crowd: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        network = tiny_network()
        expected = Matter(network).matte_masks(*crowd)
        predict_coarse = network.predict_coarse
        together = threading.Barrier(2)
        at_work: list[int] = []
        has_room = threading.Semaphore(1)

        def look(*args: object) -> object:
            if len(at_work) < 2:  # the first look at either frame: both at once
                at_work.append(1)
                together.wait(timeout=30)
                raise NO_ROOM
            if not has_room.acquire(blocking=False):
                raise NO_ROOM
            try:
                return predict_coarse(*args)
            finally:
                has_room.release()

        monkeypatch.setattr(network, "predict_coarse", look)
        matter = Matter(network, batch_size=1)
        with ThreadPoolExecutor(2) as pool:
            found = list(pool.map(lambda _: matter.matte_masks(*crowd), range(2)))
        assert np.array_equal(found[0], expected) and np.array_equal(found[1], expected)
