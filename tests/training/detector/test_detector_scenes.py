from dataclasses import replace

import numpy as np
import pytest

from instmatt_video.errors import OptionError
from instmatt_video.training.detector import photos as detector_photos
from instmatt_video.training.detector import scenes as detector_scenes
from instmatt_video.training.detector.crops import (
    CropSampler,
    jitter_box,
    make_sample,
)
from instmatt_video.training.detector.photos import PhotoMixer
from instmatt_video.training.detector.scenes import degrade, mirror, paste_patches, vary_colour
from instmatt_video.training.pictures.kept_pictures import KeptPictures
from instmatt_video.training.pictures.marked_photos import PersonPatch, Photo, person_from_mask


def photo(height=120, width=160, box=(20, 30, 60, 110), name="p"):
    image = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
    mask = np.zeros((height, width), bool)
    mask[box[1] : box[3], box[0] : box[2]] = True
    return Photo(name, image, (person_from_mask(mask),), np.zeros((0, 4), np.float32))


def patch(touches_bottom=False):
    rgba = np.full((60, 30, 4), 128, np.uint8)
    rgba[..., 3] = 255
    return PersonPatch("patch", rgba, touches_bottom)


def test_a_torn_photo_is_passed_over(caplog):
    def tear(name):
        raise OptionError(f"{name} cannot be read")

    torn = replace(photo(name="torn"), picture=KeptPictures(tear, len))
    mixer = PhotoMixer([torn, photo()], composite_share=0)
    assert {mixer.draw(np.random.default_rng(seed)).name for seed in range(8)} == {"p"}
    (record,) = caplog.records
    assert record.getMessage().startswith("torn cannot be read")


class TestPaste:
    def test_only_what_is_covered_changes_and_belongs_to_the_newcomer(self):
        before = photo()
        after = paste_patches(before, [patch()], np.random.default_rng(1))
        newcomer = after.people[-1]
        covered = newcomer.full_mask((120, 160)) > 0
        assert covered.any()
        grown = np.zeros_like(covered)
        rows, columns = np.nonzero(covered)
        grown[rows.min() - 2 : rows.max() + 3, columns.min() - 2 : columns.max() + 3] = True
        np.testing.assert_array_equal(after.image[~grown], before.image[~grown])
        for person in after.people[:-1]:
            assert not (covered & (person.full_mask((120, 160)) > 0)).any()

    def test_hidden_people_are_neither_found_nor_missed(self):
        before = photo(box=(70, 50, 76, 60))
        for seed in range(200):
            after = paste_patches(before, [patch()], np.random.default_rng(seed))
            if len(after.people) == 1 and len(after.crowd_boxes):
                np.testing.assert_array_equal(after.crowd_boxes, [[70, 50, 76, 60]])
                return
        pytest.fail("no paste hid the small person but for a rest")

    def test_half_figures_stand_on_the_lower_edge(self):
        for seed in range(20):
            after = paste_patches(photo(), [patch(True)], np.random.default_rng(seed))
            if len(after.people) == 2 or not after.people:
                assert after.people[-1].box[3] == 120

    def test_outlines_of_who_is_pasted_are_exact(self):
        after = paste_patches(photo(), [patch()], np.random.default_rng(1))
        for shown in (after, mirror(after)):
            assert [person.has_exact_outline for person in shown.people] == [False, True]

    def test_no_patches_change_nothing(self):
        before = photo()
        after = paste_patches(before, [], np.random.default_rng(0))
        np.testing.assert_array_equal(after.image, before.image)
        assert after.people == before.people

    def test_who_moves_is_blurred_with_their_edge(self, monkeypatch):
        nobody = Photo("", np.full((120, 160, 3), 20, np.uint8), (), np.zeros((0, 4), np.float32))
        shares = []
        for chance in (0.0, 1.0):
            monkeypatch.setattr(detector_scenes, "MOVING_CHANCE", chance)
            edges = 0
            for seed in range(20):
                image = paste_patches(nobody, [patch()], np.random.default_rng(seed)).image[..., 0]
                assert image.min() >= 20  # no dark fringe: colours are blurred with their alpha
                edges += int(((image > 20) & (image < image.max())).sum())
            shares.append(edges)
        assert shares[1] > 2 * shares[0]


def test_mirror_twice_is_the_photo():
    before = photo()
    twice = mirror(mirror(before))
    np.testing.assert_array_equal(twice.image, before.image)
    np.testing.assert_array_equal(twice.people[0].box, before.people[0].box)
    np.testing.assert_array_equal(mirror(before).people[0].box, [100, 30, 140, 110])


@pytest.mark.parametrize("change", [vary_colour, degrade])
def test_changes_keep_shape_and_come_from_the_generator_alone(change):
    image = photo().image
    first, again = (change(image, np.random.default_rng(5)) for _ in range(2))
    assert first.shape == image.shape
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, again)


class TestSample:
    def test_exact_box_shows_the_person_within_the_margin(self):
        scene = photo(box=(20, 30, 60, 110))  # 40 x 80: the margin is 5 and 10 pixels
        sample = make_sample(scene, scene.people[0], scene.people[0].box)
        np.testing.assert_array_equal(sample.box_deltas, [0, 0, 0, 0])
        expected = np.zeros((96, 64), np.float32)
        expected[round(96 * 0.1) : round(96 * 0.9), round(64 * 0.1) : round(64 * 0.9)] = 1
        assert np.abs(sample.mask - expected).mean() < 0.03

    def test_deltas_lead_from_the_proposal_to_the_person(self):
        scene = photo(box=(20, 30, 60, 110))
        sample = make_sample(scene, scene.people[0], np.array([24, 30, 64, 70], np.float32))
        np.testing.assert_allclose(sample.box_deltas, [-0.1, 0, -0.1, 1.0])

    def test_nobody(self):
        sample = make_sample(photo(), None, np.array([100, 10, 120, 40], np.float32))
        assert not sample.is_person
        assert sample.mask.max() == 0

    def test_jitter_is_a_few_percent_and_now_and_then_a_limb(self):
        rng = np.random.default_rng(0)
        box = np.array([0, 0, 100, 200], np.float32)
        moved = np.stack([jitter_box(box, rng) for _ in range(2000)])
        inwards = (moved - box) / [100, 200, -100, -200]
        assert 0.03 < np.median(np.abs(inwards)) < 0.05
        # Of 0.3 of the boxes one side is drawn from -0.15..0.35: a fifth of those beyond 0.25.
        assert 0.04 < (inwards.max(axis=1) > 0.25).mean() < 0.09
        assert (inwards.min(axis=1) < -0.25).mean() < 0.02


class TestSampler:
    def sampler(self):
        proposals = {"p": np.array([[22, 28, 58, 112], [100, 10, 130, 60]], np.float32)}
        background = np.zeros((100, 100, 3), np.uint8)
        return CropSampler(
            PhotoMixer([photo()], [photo(name="s")], [patch()], [background]), proposals
        )

    def test_same_generator_same_crops(self):
        first, again = (self.sampler().draw(12, np.random.default_rng([1, 2])) for _ in range(2))
        for a, b in zip(first, again, strict=True):
            np.testing.assert_array_equal(a.image, b.image)
            np.testing.assert_array_equal(a.mask, b.mask)

    def test_as_many_as_asked_with_people_and_nobody(self):
        samples = self.sampler().draw(30, np.random.default_rng(0))
        assert len(samples) == 30
        assert 15 <= sum(sample.is_person for sample in samples) < 30

    @pytest.mark.parametrize(("wall_chance", "shows_places"), [(0.0, True), (1.0, False)])
    def test_empty_places_are_backgrounds_or_walls(self, wall_chance, shows_places, monkeypatch):
        monkeypatch.setattr(detector_photos, "WALL_CHANCE", wall_chance)
        place = np.full((100, 100, 3), (0, 255, 0), np.uint8)  # nobody here wears this green
        photos = PhotoMixer([photo()], [], [patch()], [place])
        samples = CropSampler(photos, {}).draw(60, np.random.default_rng(3))
        green = [(np.ptp(s.image.astype(int), axis=2) > 200).mean() > 0.2 for s in samples]
        assert any(green) == shows_places

    @pytest.mark.parametrize(
        ("box", "crowds"),
        [
            pytest.param([100, 10, 130, 60], [[90, 0, 140, 70]], id="in a crowd"),
            pytest.param([140, 100, 148, 112], [], id="of somebody small"),
        ],
    )
    def test_proposals_that_teach_nothing_are_passed_over(self, box, crowds):
        tiny = np.zeros((120, 160), bool)
        tiny[100:112, 140:148] = True
        known = photo()
        marked = Photo(
            "p",
            known.image,
            (*known.people, person_from_mask(tiny)),
            np.array(crowds, np.float32).reshape(-1, 4),
        )
        proposals = {"p": np.array([box], np.float32)}
        samples = CropSampler(PhotoMixer([marked]), proposals).draw(6, np.random.default_rng(0))
        assert len(samples) == 6
        assert all(sample.is_person for sample in samples)

    def test_people_alone_where_nothing_else_is_there(self):
        samples = CropSampler(PhotoMixer([photo()]), {}).draw(5, np.random.default_rng(0))
        assert all(sample.is_person for sample in samples)
