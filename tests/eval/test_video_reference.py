"""VIM's and MaGGIe's released numbers are reproduced."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from instmatt_video.eval import maggie
from instmatt_video.eval.clip_pairs import ClipPairAccumulator
from instmatt_video.eval.video_quality import measure_clip


def _read(shared_dir: Path, name: str) -> tuple[dict[str, Any], Any]:
    folder = shared_dir / "spec/vectors"
    expected = json.loads((folder / f"{name}_expected.json").read_text())
    return expected, np.load(folder / f"{name}_cases.npz")


def test_vmq(shared_dir: Path) -> None:
    expected, arrays = _read(shared_dir, "vmq")
    checked = 0
    for setting, clips in expected.items():
        options = dict(part.split("=") for part in setting.split(","))
        for name, reference in clips.items():
            accumulator = ClipPairAccumulator()
            predictions, targets = arrays[f"{name}__pred"], arrays[f"{name}__gt"]
            for t in range(targets.shape[1]):
                accumulator.add(predictions[:, t], targets[:, t])
            quality = measure_clip(
                accumulator.result(),
                "official",
                error=options["error"].lower(),  # type: ignore[arg-type]
                weight=float(options["weight"]),
                iou_threshold=float(options["iou"]),
            )
            for key in ("RQ", "TQ", "MQ", "VMQ"):
                found = getattr(quality, key.lower())
                assert found == pytest.approx(reference[key], abs=1e-6), (setting, name, key)
            rows = [[p.target for p in quality.pairs], [p.prediction for p in quality.pairs]]
            assert rows == reference["match"]
            hits = [[p.target, p.prediction] for p in quality.pairs if p.is_true_positive]
            assert hits == reference["TP"]
            checked += 1
    assert checked >= 42


IMAGE_CASES = ("identical", "shift", "blur", "scaled", "binary", "n1_shift", "one_blank", "noisy")
VIDEO_CASES = ("identical", "flicker", "blur", "noise", "lag")


def _check(found: dict[str, maggie.MaggieScore], expected: dict[str, Any]) -> None:
    for metric, reference in expected.items():
        assert found[metric].average == pytest.approx(reference["average"], rel=2e-6, abs=1e-12)
        if "count" in reference:
            assert found[metric].count == reference["count"]


@pytest.mark.parametrize("case", IMAGE_CASES)
def test_maggie_images(case: str, shared_dir: Path) -> None:
    expected, arrays = _read(shared_dir, "maggie")
    stacks = [arrays[f"img__{case}__{part}"] for part in ("pred", "gt", "trimap")]
    _check(maggie.measure_images(*stacks), expected[f"img/{case}"])


@pytest.mark.parametrize("case", VIDEO_CASES)
def test_maggie_videos(case: str, shared_dir: Path) -> None:
    from instmatt_video.evaluation.motion import measure_flow

    expected, arrays = _read(shared_dir, "maggie")
    predictions, targets = arrays[f"vid__{case}__pred"], arrays["vid__gt"]
    frames = (-1, *targets.shape[2:])
    found = maggie.measure_images(predictions.reshape(frames), targets.reshape(frames))
    flows = np.stack(
        [
            np.stack([np.rint(measure_flow(a, b)) for a, b in pairwise(alphas)])
            for alphas in np.swapaxes(targets, 0, 1)
        ]
    ).astype(int)
    reference_flow = np.load(shared_dir / "spec/vectors/maggie_flow_inst0.npz")["flow"]
    np.testing.assert_array_equal(flows[0], reference_flow)
    found["dtSSD"] = maggie.measure_dtssd(predictions, targets)
    found["MESSDdt"] = maggie.measure_messddt(predictions, targets, flows)
    found["dtSSD_pairs"] = found["MESSDdt_pairs"] = maggie.MaggieScore()
    for t in range(len(targets) - 1):
        pair = predictions[t : t + 2], targets[t : t + 2]
        found["dtSSD_pairs"] += maggie.measure_dtssd(*pair)
        found["MESSDdt_pairs"] += maggie.measure_messddt(*pair, flows[:, t : t + 1])
    _check(found, expected[f"vid/{case}"])
