import numpy as np
import pytest
import torch
from torch import nn
from torchvision.ops import box_iou

from instmatt_video.detection.compact import CompactDetector, CompactSettings
from instmatt_video.detection.detector import create_detector
from instmatt_video.detection.paste import paste_masks
from instmatt_video.errors import WeightsError
from instmatt_video.models.person_crops import MARGIN, MUTUAL_CROP_SIZE, CropOutputs
from instmatt_video.models.person_detector import PersonDetector
from instmatt_video.models.person_proposals import NUM_BINS, Proposals


class Boxes(nn.Module):
    """Proposals that are known: `(x, y)` centres with every side at one distance."""

    def __init__(self, centers, side_strides, stride=16.0, logit=8.0):
        super().__init__()
        self.centers, self.stride, self.logit = torch.tensor(centers), stride, logit
        self.side_strides = side_strides
        self.shapes = []

    def forward(self, images):
        self.shapes.append(tuple(images.shape))
        batch, cells = len(images), len(self.centers)
        sides = torch.full((batch, cells, 4, NUM_BINS), -100.0)
        sides[..., self.side_strides] = 100.0
        return Proposals(
            torch.full((batch, cells), self.logit),
            sides,
            self.centers,
            torch.full((cells,), self.stride),
        )


class Looks(nn.Module):
    """Sees the person exactly in the box: the crop less its margin."""

    def __init__(self, deltas=(0.0, 0.0, 0.0, 0.0), quality=8.0):
        super().__init__()
        self.deltas, self.quality = torch.tensor(deltas), quality

    def forward(self, crops):
        count = len(crops)
        mask = torch.full((count, 96, 64), -20.0)
        share = MARGIN / (1 + 2 * MARGIN)
        rows, columns = round(96 * share), round(64 * share)
        mask[:, rows:-rows, columns:-columns] = 20.0
        return CropOutputs(
            mask,
            self.deltas.expand(count, 4),
            torch.full((count,), self.quality),
        )


class LooksAmongNeighbours(nn.Module):
    """Leaves to each person what their own mask has and their neighbours' lack."""

    def __init__(self, deltas=(0.0, 0.0, 0.0, 0.0)):
        super().__init__()
        self.deltas = torch.tensor(deltas)
        self.shapes = []

    def forward(self, crops, guidance):
        self.shapes.append((tuple(crops.shape), tuple(guidance.shape)))
        count = len(crops)
        logits = 40 * (guidance[:, 0] - guidance[:, 1] - 0.5)[:, ::2, ::2]
        return CropOutputs(logits, self.deltas.expand(count, 4), torch.zeros(count))


def detector(boxes, looks=None, mutual=None, **settings):
    network = PersonDetector(has_mutual_look=False)
    network.proposals, network.crops, network.mutual = boxes, looks or Looks(), mutual
    return CompactDetector(network=network, settings=CompactSettings(**settings))


def picture(height=192, width=416, dtype=np.uint8):
    return np.zeros((height, width, 3), dtype)


def test_boxes_come_back_in_the_pictures_pixels():
    # 832 x 384 is shown at half size: a box of 32 px around (100, 96) there is one of 64 px here.
    boxes = Boxes([[100.0, 96.0]], 1)
    found = detector(boxes, fine_side_px=None).detect([picture(384, 832)])[0]
    np.testing.assert_allclose(found.boxes, [[168, 160, 232, 224]], atol=0.01)
    assert found.scores[0] == pytest.approx(1 / (1 + np.exp(-8)), abs=1e-4)


@pytest.mark.parametrize(
    ("shape", "shapes"),
    [
        pytest.param((352, 640), [(256, 416), (352, 640)], id="as it is"),
        pytest.param((1088, 1920), [(256, 416), (480, 832)], id="shrunk"),
        pytest.param((352, 608), [(256, 416)], id="hardly larger than it is seen whole"),
    ],
)
def test_large_pictures_are_looked_at_twice(shape, shapes):
    boxes = Boxes([[96.0, 96.0]], 2)
    detector(boxes).detect([picture(*shape)])
    assert boxes.shapes == [(1, 3, *size) for size in shapes]
    boxes.shapes.clear()
    detector(boxes, fine_side_px=None).detect([picture(*shape)])
    assert boxes.shapes == [(1, 3, *shapes[0])]


@pytest.mark.parametrize(
    ("side_strides", "logit", "looks"),
    [
        # 16 px strides: sides of 64 px, which are 0.15 of the frame's, or of 128 px.
        pytest.param(2, 0.0, 2, id="somebody small"),
        pytest.param(2, -2.5, 2, id="a hint, 0.08, which alone would propose nobody"),
        pytest.param(2, -3.0, 1, id="too faint a hint, 0.05"),
        pytest.param(4, 0.0, 1, id="somebody large"),
    ],
)
def test_large_pictures_without_a_hint_of_somebody_small_are_looked_at_once(
    side_strides, logit, looks
):
    boxes = Boxes([[208.0, 96.0]], side_strides, logit=logit)
    found = detector(boxes, min_fine_score=0.5).detect([picture(384, 832)])[0]
    assert len(boxes.shapes) == looks
    assert len(found) == (looks if logit == 0 else 0)


def test_the_fine_look_says_nothing_of_large_people():
    # The look at 832 px shows 832 x 384 as it is; that at 416 px, at half its size.
    small = detector(Boxes([[300.0, 96.0]], 2)).detect([picture(384, 832)])[0]
    assert sorted(small.boxes[:, 2] - small.boxes[:, 0]) == pytest.approx([64, 128], abs=0.01)
    large = detector(Boxes([[208.0, 96.0]], 4, stride=32.0)).detect([picture(384, 832)])[0]
    np.testing.assert_allclose(large.boxes, [[160, 0, 672, 384]], atol=0.01)


def test_neither_look_takes_the_others_places():
    centers = [[40.0 + 48 * i, 96.0] for i in range(8)]
    found = detector(Boxes(centers, 1), max_people=8).detect([picture(384, 832)])[0]
    widths = found.boxes[:, 2] - found.boxes[:, 0]
    assert ((widths > 60).sum(), (widths < 40).sum()) == (8, 8)


class Shoes(Looks):
    """Sees something below the box too: so many cells in each of two rows of the crop's margin."""

    def __init__(self, cells):
        super().__init__()
        self.cells = cells

    def forward(self, crops):
        outputs = super().forward(crops)
        outputs.mask_logits[:, 86:90, 20 : 20 + self.cells] = 20.0
        return outputs


@pytest.mark.parametrize(
    ("cells", "bottom"),
    # The crop's 96 rows show 80 px from 56 on: row 90 begins at 56 + 75.
    [pytest.param(8, 131.0, id="a shoe"), pytest.param(2, 128.0, id="noise")],
)
def test_a_box_grows_over_what_the_mask_shows_outside(cells, bottom):
    found = detector(Boxes([[96.0, 96.0]], 2), Shoes(cells)).detect([picture()])[0]
    np.testing.assert_allclose(found.boxes, [[64, 64, 128, bottom]], atol=0.01)
    pasted = paste_masks(found, 192, 416)[0] > 0.5
    assert pasted[129:131].any() == (cells > 2)


def test_mask_fills_the_box_and_nothing_else():
    found = detector(Boxes([[96.0, 96.0]], 2)).detect([picture()])[0]
    pasted = paste_masks(found, 192, 416)[0] > 0.5
    expected = np.zeros((192, 416), bool)
    expected[64:128, 64:128] = True
    assert (pasted != expected).mean() < 0.005  # one ring of cells may fall either way


def test_second_look_moves_the_box():
    class Smaller(Looks):
        def forward(self, crops):
            outputs = super().forward(crops)
            outputs.mask_logits[:, 60:] = outputs.mask_logits[:, :, :20] = -20.0
            return outputs

    looks = Smaller(deltas=(0.25, 0.0, 0.0, -0.25))
    found = detector(Boxes([[96.0, 96.0]], 2), looks).detect([picture()])[0]
    np.testing.assert_allclose(found.boxes, [[80, 64, 128, 112]], atol=0.01)


def test_proposals_that_become_one_box_are_one_person():
    # Overlap 16/48 before the second look, which moves both onto the same place.
    boxes = Boxes([[80.0, 96.0], [112.0, 96.0]], 2)

    class Together(Looks):
        def forward(self, crops):
            outputs = super().forward(crops)
            deltas = torch.tensor([[0.5, 0, 0.5, 0], [0, 0, 0, 0]])
            return outputs._replace(box_deltas=deltas)

    assert len(detector(boxes).detect([picture()])[0]) == 2
    assert len(detector(boxes, Together()).detect([picture()])[0]) == 1


def test_who_touch_share_no_pixel_after_a_look_among_neighbours():
    # Boxes 64..128 and 96..160 fill what they overlap twice; 320..384 is alone.
    boxes = Boxes([[96.0, 96.0], [128.0, 96.0], [352.0, 96.0]], 2)
    mutual = LooksAmongNeighbours()
    before = detector(boxes).detect([picture()])[0]
    after = detector(boxes, mutual=mutual).detect([picture()])[0]
    assert mutual.shapes == [((2, 3, *MUTUAL_CROP_SIZE), (2, 2, *MUTUAL_CROP_SIZE))]
    np.testing.assert_array_equal(after.boxes, before.boxes)
    np.testing.assert_array_equal(after.scores, before.scores)
    alone = int(before.boxes[:, 0].argmax())
    np.testing.assert_array_equal(after.masks[alone], before.masks[alone])
    for found, shared in ((before, 1.0), (after, 0.0)):
        pasted = paste_masks(found, 192, 416) > 0.5
        left, right, _ = pasted[found.boxes[:, 0].argsort()]
        assert (left & right)[70:122, 100:124].mean() == shared
        assert left[70:122, 68:92].all() and right[70:122, 132:156].all()


def test_two_who_become_one_in_a_look_among_neighbours_are_one_person():
    class AllInOne(LooksAmongNeighbours):
        def forward(self, crops, guidance):
            logits = 40 * (guidance.sum(1) - 0.5)[:, ::2, ::2]
            return super().forward(crops, guidance)._replace(mask_logits=logits)

    boxes, loose = Boxes([[96.0, 96.0], [108.0, 96.0]], 2), {"proposal_iou": 0.9, "person_iou": 0.9}
    for mutual, count in ((LooksAmongNeighbours(), 2), (AllInOne(), 1)):
        assert len(detector(boxes, mutual=mutual, **loose).detect([picture()])[0]) == count


def test_a_look_among_neighbours_moves_boxes_unless_nothing_is_left_of_them():
    centers = [[96.0, 96.0], [128.0, 96.0]]
    before = detector(Boxes(centers, 2)).detect([picture()])[0]
    lower = LooksAmongNeighbours((0.0, 0.25, 0.0, 0.0))
    after = detector(Boxes(centers, 2), mutual=lower).detect([picture()])[0]
    # The masks still reach the upper edge, and the boxes grow over them again.
    assert (after.boxes[:, 1] < 66).all()
    right = LooksAmongNeighbours((0.0, 0.0, 0.0, 0.1))
    after = detector(Boxes(centers, 2), mutual=right).detect([picture()])[0]
    np.testing.assert_allclose(after.boxes[:, 3], before.boxes[:, 3] + 6.4, atol=0.01)
    nothing = LooksAmongNeighbours((2.0, 0.0, -2.0, 0.0))
    after = detector(Boxes(centers, 2), mutual=nothing).detect([picture()])[0]
    assert ((after.boxes[:, 2:] - after.boxes[:, :2]) >= 2).all()


def test_a_doubtful_second_look_lowers_the_score():
    found = detector(Boxes([[96.0, 96.0]], 2), Looks(quality=-8.0), min_score=0.0).detect(
        [picture()]
    )
    assert found[0].scores[0] < 0.05
    assert len(detector(Boxes([[96.0, 96.0]], 2), Looks(quality=-8.0)).detect([picture()])[0]) == 0


def test_pictures_of_one_size_share_a_batch_and_keep_their_order():
    boxes = Boxes([[96.0, 96.0]], 2)
    found = detector(boxes, fine_side_px=None).detect(
        [picture(), picture(384, 832), picture(), picture(416, 416)]
    )
    assert sorted(boxes.shapes) == [(1, 3, 416, 416), (3, 3, 192, 416)]
    widths = [float(d.boxes[0, 2] - d.boxes[0, 0]) for d in found]
    np.testing.assert_allclose(widths, [64, 128, 64, 64], atol=0.01)


def test_sixteen_bits_are_seen_as_eight():
    rng = np.random.default_rng(0)
    eight = rng.integers(0, 256, (64, 96, 3), np.uint8)
    torch.manual_seed(0)
    compact = CompactDetector(network=PersonDetector(), settings=CompactSettings(min_score=0.0))
    a, b = compact.detect([eight, eight.astype(np.uint16) * 257])
    np.testing.assert_array_equal(a.boxes, b.boxes)


@pytest.mark.parametrize("shape", [(16, 16), (9, 640), (333, 17)], ids=str)
def test_odd_shapes_and_nobody(shape):
    found = detector(Boxes([[8.0, 8.0]], 1, logit=-20.0)).detect([picture(*shape)])[0]
    assert len(found) == 0
    assert found.masks.shape[1:] == (64, 64)


def test_no_images():
    assert detector(Boxes([[8.0, 8.0]], 1)).detect([]) == []


def test_order_of_scores():
    class Rising(Looks):
        def forward(self, crops):
            outputs = super().forward(crops)
            return outputs._replace(quality_logits=torch.linspace(-1, 3, len(crops)))

    found = detector(Boxes([[48.0, 96.0], [160.0, 96.0], [300.0, 96.0]], 2), Rising())
    scores = found.detect([picture()])[0].scores
    assert len(scores) == 3
    assert (np.diff(scores) < 0).all()


class TestErrors:
    def test_missing_weights(self, tmp_path):
        with pytest.raises(WeightsError, match=r"none\.safetensors"):
            CompactDetector(weights=tmp_path / "none.safetensors")

    def test_damaged_weights(self, tmp_path):
        path = tmp_path / "bad.safetensors"
        path.write_bytes(b"no weights at all")
        with pytest.raises(WeightsError, match="cannot be read"):
            CompactDetector(weights=path)

    def test_grey_picture(self):
        with pytest.raises(ValueError, match=r"must be \(H, W, 3\)"):
            detector(Boxes([[8.0, 8.0]], 1)).detect([np.zeros((8, 8), np.uint8)])

    @pytest.mark.parametrize("field", ["min_score", "person_iou"])
    def test_settings_out_of_range(self, field):
        with pytest.raises(ValueError, match=field):
            CompactSettings(**{field: 1.5})


class TestEmbeddedWeights:
    @pytest.fixture(scope="class")
    def compact(self):
        return CompactDetector()

    def test_finds_the_astronaut_and_nobody_in_a_texture(self, compact):
        data = pytest.importorskip("skimage.data")
        astronaut, grass = data.astronaut(), np.dstack([data.grass()] * 3)
        person, nobody = compact.detect([astronaut, grass])
        assert person.scores[0] > compact.confident_score
        assert (person.scores > compact.confident_score).sum() == 1
        assert (nobody.scores > compact.confident_score).sum() == 0
        mask = paste_masks(person, *astronaut.shape[:2])[0]
        assert mask[300, 230] > 0.9  # her suit
        assert mask[30, 30] < 0.1  # the flag's corner

    def test_bf16_sees_the_same_person(self, compact):
        astronaut = pytest.importorskip("skimage.data").astronaut()
        rough = CompactDetector(precision=torch.bfloat16).detect([astronaut])[0]
        (exact,) = compact.detect([astronaut])
        assert rough.masks.dtype == rough.scores.dtype == np.float32
        assert rough.scores[0] == pytest.approx(exact.scores[0], abs=0.02)
        overlap = box_iou(*(torch.from_numpy(found.boxes[:1]) for found in (rough, exact)))
        assert float(overlap) > 0.95
        masks = [paste_masks(found, *astronaut.shape[:2])[0] for found in (rough, exact)]
        assert np.abs(masks[0] - masks[1]).mean() < 0.01

    def test_the_precision_of_crops_is_what_was_asked_for_on_a_cpu(self, monkeypatch):
        seen = []
        monkeypatch.setattr(
            "instmatt_video.detection.compact.CompactDetector",
            lambda *words: seen.append(words[-1]),
        )
        for precision in ("fp32", "bf16"):
            create_detector("compact", "cpu", precision=precision)
        create_detector("compact", "cuda", precision="fp16")
        assert seen == [torch.float32, torch.bfloat16, torch.float32]

    def test_a_user_may_leave_the_fine_look_out(self):
        for spec in ("auto", "compact"):
            fine, quick = (
                create_detector(spec, finds_small_people=wanted).detector.settings.fine_side_px
                for wanted in (True, False)
            )
            assert fine and quick is None

    def test_a_mirrored_picture_gives_mirrored_people(self, compact):
        data = pytest.importorskip("skimage.data")
        image = data.astronaut()
        here, there = compact.detect([image, np.ascontiguousarray(image[:, ::-1])])
        width = image.shape[1]
        left, top, right, bottom = there.boxes[0]
        mirrored = [width - right, top, width - left, bottom]
        overlap = box_iou(torch.from_numpy(here.boxes[:1]), torch.tensor(mirrored)[None])
        assert float(overlap) > 0.85
