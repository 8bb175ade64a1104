import numpy as np

from instmatt_video.detection.letterbox import letterbox
from instmatt_video.detection.regions import cut_region, expand_to_region


def test_region_has_the_margin_on_every_side():
    assert expand_to_region(np.array([10, 20, 18, 36]), 0.125) == (9, 18, 19, 38)


def test_region_is_never_empty():
    left, top, right, bottom = expand_to_region(np.array([5.0, 5.0, 5.1, 5.1]), 0.0)
    assert right > left
    assert bottom > top


def test_region_at_its_own_size_is_copied_and_padded():
    image = np.arange(12, dtype=np.uint8).reshape(3, 4)
    cut = cut_region(image, (-1, 1, 3, 4), (3, 4), (99,))
    np.testing.assert_array_equal(cut, [[99, 4, 5, 6], [99, 8, 9, 10], [99, 99, 99, 99]])


def test_region_outside_the_picture_is_all_padding():
    image = np.zeros((3, 4, 3), np.uint8)
    cut = cut_region(image, (10, 10, 14, 12), (2, 4), (1, 2, 3))
    assert (cut == [1, 2, 3]).all()


def test_shrinking_averages():
    image = np.array([[0, 100], [100, 200]], np.uint8)
    assert cut_region(image, (0, 0, 2, 2), (1, 1))[0, 0] == 100


def test_letterbox_of_720p_is_small_and_centred():
    boxed = letterbox(np.full((720, 1280, 3), 255, np.uint8), 416)
    assert boxed.canvas.shape == (256, 416, 3)  # 416 x 234, sides rounded up to multiples of 32
    assert (boxed.left, boxed.top) == (0, 11)
    assert boxed.canvas[11:245].min() == 255
    assert boxed.canvas[:11].max() < 255


def test_boxes_go_to_the_canvas_and_back():
    boxed = letterbox(np.zeros((500, 333, 3), np.uint8), 416)
    boxes = np.array([[0, 0, 333, 500], [10.5, 20.25, 40, 80]], np.float32)
    on_canvas = boxed.boxes_on_canvas(boxes)
    np.testing.assert_allclose(boxed.boxes_in_picture(on_canvas), boxes, atol=1e-3)
    np.testing.assert_allclose(on_canvas[0, 3] - on_canvas[0, 1], 416, atol=1e-3)


def test_small_pictures_are_enlarged_at_most_twice():
    assert letterbox(np.zeros((9, 16, 3), np.uint8), 416).canvas.shape == (32, 32, 3)
