"""The moving average of weights, by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from instmatt_video.training.averaged_weights import AveragedWeights


def test_two_steps_by_hand() -> None:
    network = nn.Linear(1, 1, bias=False)
    network.weight.data.fill_(0.0)
    average = AveragedWeights(network, 0.9)
    network.weight.data.fill_(1.0)
    average.update(network, 0)  # decay 1/10: 0.1 · 0 + 0.9 · 1
    assert average.state["weight"].item() == pytest.approx(0.9)
    network.weight.data.fill_(2.0)
    average.update(network, 1)  # decay 2/11
    assert average.state["weight"].item() == pytest.approx(2 / 11 * 0.9 + 9 / 11 * 2)


def test_the_decay_grows_to_its_limit() -> None:
    network = nn.Linear(1, 1, bias=False)
    network.weight.data.fill_(0.0)
    average = AveragedWeights(network, 0.5)
    network.weight.data.fill_(1.0)
    average.update(network, 1000)
    assert average.state["weight"].item() == pytest.approx(0.5)


def test_unit_vectors_of_spectral_norms_are_copied() -> None:
    network = spectral_norm(nn.Linear(3, 2, bias=False))
    average = AveragedWeights(network, 0.9)
    with torch.no_grad():
        for _ in range(5):
            network(torch.ones(1, 3))  # in training mode each pass turns them
            network.parametrizations.weight.original.mul_(-1)
            average.update(network, 50)
    for name, value in network.state_dict().items():
        is_same = torch.equal(average.state[name], value)
        assert is_same == name.endswith(("._u", "._v")), name


def test_counters_are_copied() -> None:
    network = nn.BatchNorm1d(2)
    average = AveragedWeights(network, 0.9)
    network(torch.randn(4, 2))
    average.update(network, 0)
    assert average.state["num_batches_tracked"].item() == 1
