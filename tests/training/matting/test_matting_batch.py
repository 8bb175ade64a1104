"""Training batches: truths that fit together, and depend on their number alone."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from instmatt_video.errors import OptionError
from instmatt_video.models.matting_network import IMAGE_MEAN, IMAGE_STD
from instmatt_video.training.matting import batch as matting_batch
from instmatt_video.training.matting.batch import (
    MattingBatch,
    MattingBatchConfig,
    MattingBatchMaker,
    composite_samples,
    photo_samples,
)
from instmatt_video.training.matting.guidance import GuidanceConfig
from instmatt_video.training.pictures.composite_pool import CompositePool
from instmatt_video.training.pictures.composites import Layer, composite
from instmatt_video.training.pictures.cutouts import Cutout, CutoutLibrary
from instmatt_video.training.pictures.dimming import ToneCurve
from instmatt_video.training.pictures.marked_photos import read_masked_photos
from instmatt_video.training.pictures.matted_pictures import MattedFiles, find_matted
from instmatt_video.training.pictures.packs import ImagePack, read_color
from instmatt_video.training.pictures.photo_windows import PhotoWindow, open_matted
from tests.training.made_people import person, place, write_matted_picture, write_packs, write_rgb

CONFIG = MattingBatchConfig(
    pictures=3, guidance=GuidanceConfig(missing_chance=0.0), photo_chance=0.0
)


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packs")
    write_packs(folder)
    for k in range(2):
        rgba = person(k, 140, 100)
        picture = place(k, 140, 100)
        alpha = rgba[..., 3:] / 255
        write_rgb(
            folder / "photos" / "image" / f"{k}.jpg",
            np.uint8(picture + alpha * (rgba[..., :3] - picture.astype(float))),
        )
        (folder / "photos" / "mask").mkdir(exist_ok=True)
        cv2.imwrite(
            str(folder / "photos" / "mask" / f"{k}.png"), np.uint8(255 * (alpha[..., 0] > 0.5))
        )
    return folder


def maker(
    packs: Path, config: MattingBatchConfig = CONFIG, seed: int = 1, stage: int = 1
) -> MattingBatchMaker:
    cutouts = CutoutLibrary(ImagePack(packs / "cutouts", "rgba"))
    backgrounds = ImagePack(packs / "backgrounds")
    photos = read_masked_photos(packs / "photos")
    people = CompositePool(cutouts, np.ones(len(cutouts)), backgrounds, backgrounds.names)
    return MattingBatchMaker(people, photos, config, seed, stage=stage)


def same(a: MattingBatch, b: MattingBatch) -> bool:
    pairs = zip(vars(a).values(), vars(b).values(), strict=True)
    return all(x.shape == y.shape and torch.equal(x, y) for x, y in pairs)


def seen(batch: MattingBatch) -> torch.Tensor:
    """Return the pictures as RGB 0..1."""
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (IMAGE_MEAN, IMAGE_STD))
    return batch.image * std + mean


class TestNumbers:
    def test_a_batch_depends_on_seed_stage_step_and_rank_alone(self, packs: Path) -> None:
        first = maker(packs).make(5, rank=1, size_px=64)
        other = maker(packs)
        other.make(4, size_px=64)
        other.make(9, rank=1, size_px=64)
        assert same(first, other.make(5, rank=1, size_px=64)), "not on what was made before"

    @pytest.mark.parametrize(
        ("seed", "stage", "step", "rank"),
        [(2, 1, 5, 0), (1, 2, 5, 0), (1, 1, 6, 0), (1, 1, 5, 1)],
        ids=["seed", "stage", "step", "rank"],
    )
    def test_each_of_them_counts(
        self, packs: Path, seed: int, stage: int, step: int, rank: int
    ) -> None:
        first = maker(packs).make(5, size_px=64)
        other = maker(packs, seed=seed, stage=stage).make(step, rank, size_px=64)
        assert not torch.equal(first.image, other.image)

    def test_pictures_of_a_batch_differ(self, packs: Path) -> None:
        batch = maker(packs).make(0, size_px=64)
        firsts = [batch.image[batch.groups == g][0] for g in batch.groups.unique()]
        assert len(firsts) == 3
        assert not torch.equal(firsts[0], firsts[1]) and not torch.equal(firsts[1], firsts[2])


class TestComposites:
    @pytest.fixture(
        scope="class",
        params=[{}, {"wall_chance": 1.0}, {"dim_chance": 1.0}, {"far_chance": 1.0}],
        ids=["places", "walls", "dim places", "far places"],
    )
    def batches(self, packs: Path, request: pytest.FixtureRequest) -> list[MattingBatch]:
        made = maker(packs, replace(CONFIG, **request.param))
        return [made.make(step, size_px=64) for step in range(6)]

    def test_shapes(self, batches: list[MattingBatch]) -> None:
        for batch in batches:
            n = len(batch.groups)
            assert batch.image.shape == batch.composite.shape == (n, 3, 64, 64)
            assert batch.tri_masks.shape == batch.tri_mattes.shape == (n, 3, 64, 64)
            assert batch.layers.shape == (n, 3, 3, 64, 64)
            assert batch.weight.shape == (n, 1, 64, 64)
            assert batch.has_layers.shape == (n, 1, 1, 1)
            counts = torch.bincount(batch.groups)
            assert len(counts) == 3 and counts.min() >= 1 and counts.max() <= 2
            for tensor in vars(batch).values():
                assert tensor.dtype in (torch.float32, torch.int64)

    def test_tri_mattes_sum_to_1(self, batches: list[MattingBatch]) -> None:
        for batch in batches:
            torch.testing.assert_close(
                batch.tri_mattes.sum(1), torch.ones(len(batch.groups), 64, 64), atol=1e-5, rtol=0
            )
            assert batch.tri_mattes.min() >= 0 and batch.tri_mattes.max() <= 1
            assert batch.tri_masks.min() >= 0 and batch.tri_masks.max() <= 1

    def test_layers_under_the_truth_are_the_picture(self, batches: list[MattingBatch]) -> None:
        # Eq. 10 of the truth is 0, but for the division where alpha is tiny.
        for batch in batches:
            again = (batch.tri_mattes[:, :, None] * batch.layers).sum(1)
            assert (again - batch.composite).abs().mean() < 2e-3
            assert (again - batch.composite).abs().max() < 0.05

    def test_the_network_sees_the_picture_degraded(self, batches: list[MattingBatch]) -> None:
        for batch in batches:
            assert (seen(batch) - batch.composite).abs().mean() < 0.06

    def test_samples_of_a_picture_share_it(self, batches: list[MattingBatch]) -> None:
        for batch in batches:
            for group in batch.groups.unique():
                rows = (batch.groups == group).nonzero().flatten()
                assert all(torch.equal(batch.image[r], batch.image[rows[0]]) for r in rows)
                assert len({batch.tri_mattes[r, 0].sum().item() for r in rows}) == len(rows)

    def test_weight_is_everywhere(self, batches: list[MattingBatch]) -> None:
        assert all((b.weight == 1).all() and (b.has_layers == 1).all() for b in batches)

    def test_another_size(self, packs: Path) -> None:
        assert maker(packs).make(0, size_px=96).image.shape[2:] == (96, 96)


def test_a_missed_person_is_background() -> None:
    background = np.full((4, 4, 3), 0.5, np.float32)
    layers = []
    for k, color in enumerate(((1, 0, 0), (0, 1, 0), (0, 0, 1))):
        alpha = np.zeros((4, 4), np.float32)
        alpha[:, k] = 0.8
        layers.append(Layer(alpha[..., None] * np.float32(color), alpha))
    scene = composite(background, layers)
    found = np.array([True, False, True])
    samples = composite_samples(
        scene, scene.alphas, found, scene.image, targets=5, rng=np.random.default_rng(0)
    )
    assert len(samples["tri_mattes"]) == 2
    for matte, mask in zip(samples["tri_mattes"], samples["tri_masks"], strict=True):
        torch.testing.assert_close(matte.sum(0), torch.ones(4, 4))
        assert not matte[:2, :, 1].any() and (matte[2, :, 1] == 1).all(), "in truth"
        assert not mask[:2, :, 1].any() and (mask[2, :, 1] == 1).all(), "and in guidance"
    # Its colour is the background's: 0.8 green over 0.5 grey.
    assert samples["layers"][0, 2, :, 0, 1].tolist() == pytest.approx([0.1, 0.9, 0.1], abs=1e-3)


class TestPhotos:
    @pytest.fixture(scope="class")
    def batches(self, packs: Path) -> list[MattingBatch]:
        made = maker(packs, replace(CONFIG, photo_chance=1.0))
        return [made.make(step, size_px=64) for step in range(5)]

    def test_the_edge_is_unknown(self, batches: list[MattingBatch]) -> None:
        edges = 0
        for batch in batches:
            alpha, weight = batch.tri_mattes[:, :1], batch.weight
            assert torch.isin(alpha, torch.tensor([0.0, 1.0])).all()
            assert torch.isin(weight, torch.tensor([0.0, 1.0])).all()
            # A pixel whose 7 x 7 surroundings are not all of one kind lies at an edge.
            high = torch.nn.functional.max_pool2d(alpha, 3, 1, 1)
            low = -torch.nn.functional.max_pool2d(-alpha, 3, 1, 1)
            at_edge = high != low
            edges += int(at_edge.sum())
            assert not weight[at_edge].any()
            assert 0.2 < weight.mean() < 1
        assert edges

    def test_in_dim_light_they_are_darker_and_nothing_else_changes(
        self, packs: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(matting_batch, "degrade", lambda image, rng, far_chance: image)
        monkeypatch.setattr(matting_batch, "draw_curve", lambda rng: ToneCurve(0.5, 1.0))
        chances = (
            replace(CONFIG, photo_chance=1.0, dim_chance=1e-9),
            replace(CONFIG, photo_chance=1.0, dim_chance=1.0),
        )
        bright, dim = (maker(packs, chosen).make(3, size_px=64) for chosen in chances)
        assert torch.equal(bright.tri_mattes, dim.tri_mattes)
        for before, after in zip(seen(bright), seen(dim), strict=True):
            assert after == pytest.approx(before / 2, abs=1e-5)

    def test_no_layers_are_claimed(self, batches: list[MattingBatch]) -> None:
        for batch in batches:
            assert not batch.has_layers.any() and not batch.layers.any()
            assert not batch.tri_mattes[:, 1].any()
            torch.testing.assert_close(batch.tri_mattes.sum(1), torch.ones(3, 64, 64))

    def test_mask_and_photo_are_cut_alike(self, batches: list[MattingBatch]) -> None:
        # Person 0 and 1 differ from their places: the colour inside the mask is the person's.
        for batch in batches:
            pictures = seen(batch)
            for picture, alpha, weight in zip(
                pictures, batch.tri_mattes, batch.weight, strict=True
            ):
                inside = (alpha[0] == 1) & (weight[0] == 1)
                if inside.sum() > 50:
                    color = picture[:, inside].median(1).values * 255
                    people = [
                        torch.tensor(np.median(person(k, 140, 100)[60:80, 40:60, :3], (0, 1)))
                        for k in range(2)
                    ]
                    assert min((color - p).abs().max() for p in people) < 45

    def test_both_kinds_are_mixed(self, packs: Path) -> None:
        made = maker(packs, replace(CONFIG, photo_chance=0.5))
        kinds = torch.cat([made.make(step, size_px=64).has_layers.flatten() for step in range(8)])
        assert 0 < kinds.mean() < 1


def test_the_people_of_a_photo() -> None:
    alphas = np.zeros((3, 8, 9), np.float32)
    for k in range(3):
        alphas[k, :, 3 * k : 3 * k + 2] = 1
    known = np.ones((8, 9), np.float32)
    known[:, 4] = 0
    window = PhotoWindow(np.full((8, 9, 3), 0.5, np.float32), alphas, known)
    found = np.array([True, False, True])
    samples = photo_samples(
        window, alphas, found, window.image, targets=5, rng=np.random.default_rng(0)
    )
    assert samples["image"].shape == samples["composite"].shape == (2, 3, 8, 9)
    assert samples["layers"].shape == (2, 3, 3, 8, 9)
    targets = {tuple(matte[0, 0].tolist()) for matte in samples["tri_mattes"]}
    assert targets == {tuple(alphas[0, 0].tolist()), tuple(alphas[2, 0].tolist())}
    for matte, mask, weight in zip(
        samples["tri_mattes"], samples["tri_masks"], samples["weight"], strict=True
    ):
        torch.testing.assert_close(matte, mask, msg="the guidance is the truth here")
        assert (matte.sum(0) == 1).all()
        assert (matte[2, :, 3:5] == 1).all(), "who was not found is background"
        assert torch.equal(weight[0], torch.from_numpy(known))
    assert not samples["has_layers"].any()


def test_people_too_small_to_learn_from_are_no_photos(packs: Path) -> None:
    made = maker(packs)
    (photo, *_) = made.photos
    far = replace(photo, people=tuple(replace(p, box=p.box / 4) for p in photo.people))
    again = MattingBatchMaker(None, [photo, far], CONFIG, 1)
    assert again.photos == [photo]


def test_chances_of_cutouts(packs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    people = maker(packs).people
    assert people is not None
    asked: set[int] = set()
    get = CutoutLibrary.__getitem__

    def note(library: CutoutLibrary, index: int) -> Cutout:
        asked.add(index)
        return get(library, index)

    monkeypatch.setattr(CutoutLibrary, "__getitem__", note)
    only = CompositePool(
        people.cutouts,
        np.array([0, 0, 1.0, 0, 0, 0]),
        people.backgrounds,
        people.background_names,
    )
    MattingBatchMaker(only, [], CONFIG, 1).make(0, size_px=64)
    assert asked == {2}


def test_a_maker_goes_to_a_worker_process(packs: Path) -> None:
    made = maker(packs)
    again = pickle.loads(pickle.dumps(made))  # as where processes are not forked
    assert torch.equal(again.make(3, size_px=64).image, made.make(3, size_px=64).image)


def test_torn_places_and_photos_are_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_packs(tmp_path, 2, 2)
    for name in "ab":
        write_matted_picture(tmp_path, name)
    for torn in ("backgrounds/place_0.png", "images/a.png"):
        (tmp_path / torn).write_bytes(b"torn")
    cutouts = CutoutLibrary(ImagePack(tmp_path / "cutouts", "rgba"))
    backgrounds = ImagePack(tmp_path / "backgrounds")
    people = CompositePool(cutouts, np.ones(2), backgrounds, backgrounds.names)
    photos = find_matted(tmp_path / "images", tmp_path / "alphas")
    config = replace(CONFIG, pictures=12, photo_chance=0.5)
    batch = MattingBatchMaker(people, photos, config, 1).make(0, size_px=64)
    assert len(batch.groups.unique()) == 12
    told = " ".join(record.getMessage() for record in caplog.records)
    assert len(caplog.records) == 2 and "place_0.png" in told and "images/a.png" in told


def test_any_picture_as_rgb(tmp_path: Path) -> None:
    write_rgb(tmp_path / "rgba.png", person(0))
    write_rgb(tmp_path / "rgb.png", place())
    cv2.imwrite(str(tmp_path / "grey.png"), place()[..., 0])
    pack = ImagePack(tmp_path)
    assert np.array_equal(read_color(pack, "rgb.png"), place())
    assert np.array_equal(read_color(pack, "rgba.png"), person(0)[..., :3])
    assert np.array_equal(read_color(pack, "grey.png"), np.repeat(place()[..., :1], 3, 2))


class TestMattedPictures:
    @pytest.fixture
    def files(self, tmp_path: Path) -> MattedFiles:
        write_matted_picture(tmp_path, "a")
        names = ("00.png", "01.png")
        return MattedFiles(
            tmp_path / "images" / "a.png",
            tuple(tmp_path / "alphas" / "a" / name for name in names),
            tuple(tmp_path / "fg" / "a" / name for name in names),
        )

    def test_the_given_alphas_are_learned(
        self, files: MattedFiles, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        config = replace(CONFIG, pictures=1, targets=2)
        size = (160, 128)
        monkeypatch.setattr(
            matting_batch,
            "view_matted",
            lambda picture, side, rng: open_matted(picture, np.s_[:, :], size),
        )
        alphas = [cv2.resize(a / np.float32(65535), size) for a in files.read().alphas]
        for known in (replace(files, foregrounds=()), files):
            made = MattingBatchMaker(None, [known], config, 1).make(0, size_px=64)
            first = 0 if np.allclose(made.tri_mattes[0, 0], alphas[0], atol=1e-4) else 1
            for sample, index in ((0, first), (1, 1 - first)):
                target, reference, background = made.tri_mattes[sample].numpy()
                np.testing.assert_allclose(target, alphas[index], atol=1e-4)
                np.testing.assert_allclose(reference, alphas[1 - index], atol=1e-4)
                np.testing.assert_allclose(background, 1 - alphas[0] - alphas[1], atol=1e-4)
            assert (made.weight == 1).all()
            assert (made.has_layers == float(bool(known.foregrounds))).all()
            assert ((made.tri_mattes > 0.05) & (made.tri_mattes < 0.95)).any()
        again = (made.tri_mattes[:, :, None] * made.layers).sum(1)
        torch.testing.assert_close(again, made.composite, atol=0.02, rtol=0)

    def test_without_people_to_compose_every_picture_is_one(self, files: MattedFiles) -> None:
        config = replace(CONFIG, photo_chance=0.0)
        made = MattingBatchMaker(None, [files], config, 1).make(0, size_px=64)
        assert len(made.groups.unique()) == 3 and made.has_layers.all()

    def test_they_take_the_place_of_photos(self, packs: Path, files: MattedFiles) -> None:
        own = replace(files, foregrounds=())
        config = replace(CONFIG, pictures=12, photo_chance=0.5)
        made = MattingBatchMaker(maker(packs).people, [own], config, 1).make(0, size_px=64)
        assert 0 < made.has_layers.mean() < 1

    def test_nobody_in_sight_is_said(self, files: MattedFiles) -> None:
        for path in files.alphas:
            cv2.imwrite(str(path), np.zeros((120, 160), np.uint8))
        with pytest.raises(OptionError, match="nobody fills a window"):
            MattingBatchMaker(None, [files], CONFIG, 1).make(0, size_px=64)
