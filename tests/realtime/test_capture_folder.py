"""Folders of images: natural order, every pixel type, sizes that differ."""

import cv2
import numpy as np
import pytest

from realtime.body.errors import InputError, ShapeError
from realtime.capture import open_source
from realtime.capture.image_folder import natural_key
from realtime.capture.picture import to_bgr8

from .videos import next_of, times_s

GREY_8 = np.full((6, 8), 100, np.uint8)
BGR_8 = np.dstack([np.full((6, 8), value, np.uint8) for value in (10, 100, 200)])


def write(path, image) -> None:
    is_good, data = cv2.imencode(path.suffix, image)
    assert is_good
    path.write_bytes(data.tobytes())


def read_all(source):
    with source:
        return list(iter(source.read, None))


def test_images_come_in_natural_order_at_the_given_rate(tmp_path):
    for number in (10, 9, 1, 100, 2):
        write(tmp_path / f"frame{number}.png", np.full((4, 5, 3), number, np.uint8))
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / "._frame1.png").write_text("what some systems leave behind")
    source = open_source(str(tmp_path), fps=50)
    assert (source.frame_count, source.fps, source.is_live) == (5, 50, False)
    pictures = read_all(source)
    assert [int(p.image_bgr[0, 0, 0]) for p in pictures] == [1, 2, 9, 10, 100]
    np.testing.assert_allclose(times_s(pictures), np.arange(5) / 50)
    assert source.warnings == []


def test_numbers_in_names_count_as_numbers():
    assert natural_key("a2b10") < natural_key("a2b11") < natural_key("a10b1")


def test_the_default_rate_is_thirty(tmp_path):
    for number in range(4):
        write(tmp_path / f"{number}.png", GREY_8)
    assert read_all(open_source(str(tmp_path)))[3].pts_s == pytest.approx(0.1)


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize(
    ("kind", "image", "expected_bgr"),
    [
        ("grey", GREY_8, (100, 100, 100)),
        ("grey 16 bit", GREY_8.astype(np.uint16) * 257, (100, 100, 100)),
        ("colour", BGR_8, (10, 100, 200)),
        ("colour 16 bit", BGR_8.astype(np.uint16) * 257, (10, 100, 200)),
        ("with alpha", np.dstack([BGR_8, np.full((6, 8), 255, np.uint8)]), (10, 100, 200)),
        ("with alpha 16 bit", np.dstack([BGR_8, np.full((6, 8), 255, np.uint8)]).astype(np.uint16) * 257, (10, 100, 200)),
    ],
)
def test_every_pixel_type_becomes_8_bit_bgr(tmp_path, kind, image, expected_bgr, suffix):
    write(tmp_path / f"picture{suffix}", image)
    [picture] = read_all(open_source(str(tmp_path)))
    assert picture.image_bgr.shape == (6, 8, 3), kind
    assert picture.image_bgr.dtype == np.uint8
    assert tuple(picture.image_bgr[3, 4]) == expected_bgr
    np.testing.assert_array_equal(to_bgr8(image), picture.image_bgr)  # cameras follow the same rule


@pytest.mark.parametrize("image", [np.zeros((4, 4, 3), np.float32), np.zeros((4, 4, 2), np.uint8), np.zeros((0, 4), np.uint8)])
def test_other_arrays_are_no_pictures(image):
    with pytest.raises(ShapeError, match="a picture is grey, BGR or BGRA in uint8 or uint16, got"):
        to_bgr8(image)


def test_a_right_picture_is_passed_on_without_a_copy():
    assert to_bgr8(BGR_8) is BGR_8
    turned = np.rot90(BGR_8)
    assert to_bgr8(turned).flags.c_contiguous
    np.testing.assert_array_equal(to_bgr8(turned), turned)


def test_sizes_may_differ(tmp_path):
    for number, shape in enumerate([(4, 6, 3), (8, 2, 3), (5, 5, 3)]):
        write(tmp_path / f"{number}.png", np.zeros(shape, np.uint8))
    assert [p.image_bgr.shape for p in read_all(open_source(str(tmp_path)))] == [(4, 6, 3), (8, 2, 3), (5, 5, 3)]


def test_a_broken_image_is_named_at_its_turn(tmp_path):
    for number in range(4):
        write(tmp_path / f"{number}.png", GREY_8)
    (tmp_path / "2.png").write_bytes((tmp_path / "2.png").read_bytes()[:20])
    source = open_source(str(tmp_path))
    assert [next_of(source).index, next_of(source).index] == [0, 1]
    with pytest.raises(InputError, match=r"2\.png is not an image that can be read \(20 bytes\)"):
        source.read()


@pytest.mark.parametrize("content", [b"", b"text that was renamed"])
def test_no_image_at_all_in_the_file(tmp_path, content):
    (tmp_path / "1.jpg").write_bytes(content)
    with pytest.raises(InputError, match=r"1\.jpg is not an image"):
        open_source(str(tmp_path)).read()


def test_a_folder_without_images(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing to see")
    with pytest.raises(InputError, match=r"no images in this folder; it should hold \.bmp"):
        open_source(str(tmp_path))


@pytest.mark.parametrize("fps", [0, -5, float("nan"), 1e6])
def test_a_rate_that_is_none(tmp_path, fps):
    write(tmp_path / "1.png", GREY_8)
    with pytest.raises(InputError, match="fps; give the rate of the images"):
        open_source(str(tmp_path), fps=fps)
