import numpy as np
import pytest

from keras_hyper.live.view import (
    MAX_VIEW_PIXELS,
    as_rgba,
    checked_box,
    checked_scale,
    expand,
    shrink,
    times,
)


def test_box_is_clipped_to_the_picture():
    assert checked_box((-5, 50, 9, 100), (61, 83, 3)) == (slice(50, 61), slice(0, 4))


@pytest.mark.parametrize(
    "box",
    [(), (1, 2, 3), ("a", 0, 1, 1), (0, 0, 0, 5), (90, 0, 5, 5), (0, 0, -4, 4), None,
     (float("nan"), 0, 1, 1), (float("inf"), 0, 1, 1)],
    ids=str,
)  # fmt: skip
def test_invalid_box_is_refused_with_its_value(box):
    with pytest.raises(ValueError, match="expected a box"):
        checked_box(box, (5000, 83, 3))


@pytest.mark.parametrize("scale", [0, -1, 1.5, float("nan"), "1e-400"])
def test_invalid_scale_is_refused_with_its_value(scale):
    with pytest.raises(ValueError, match="expected a scale above 0 and at most 1, got"):
        checked_scale(scale, (slice(0, 4), slice(0, 4)))


def test_view_is_limited_to_a_large_screen():
    view = slice(0, 4000), slice(0, 4000)
    assert checked_scale("0.5", view) == 0.5
    for scale, factor in ((1, 1), (0.5, 2)):
        with pytest.raises(ValueError, match=f"at most {MAX_VIEW_PIXELS} pixels, got"):
            checked_scale(scale, view, factor)


def test_window_includes_the_margin_and_is_aligned_to_the_multiple():
    window, inside = expand((slice(21, 30), slice(3, 9)), (40, 83, 3), 6, 4)
    assert window == (slice(12, 36), slice(0, 16))
    assert inside == (slice(9, 18), slice(3, 9))


def test_view_is_scaled_to_the_enlarged_picture():
    assert times((slice(2, 5), slice(0, 3)), 2.5) == (slice(5, 12), slice(0, 8))


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("shape", [(8, 12), (8, 12, 1), (8, 12, 3), (8, 12, 4)])
def test_reduced_picture_is_averaged_in_its_own_type(rng, kind, shape):
    peak = np.iinfo(kind).max if kind != "float32" else 1
    pixels = (rng.random(shape) * peak).astype(kind)
    half = shrink(pixels, 0.5)
    squares = pixels.reshape(4, 2, 6, 2, *shape[2:]).astype(np.float64).mean((1, 3))
    assert half.dtype == kind and half.shape == (4, 6, *shape[2:])
    np.testing.assert_allclose(half, squares, atol=0.51 if kind != "float32" else 1e-6)
    assert shrink(pixels, 1) is pixels


def test_smallest_view_has_one_pixel():
    assert shrink(np.ones((3, 90), np.uint8), 0.01).shape == (1, 1)


@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 1), (5, 4, 2), (5, 4, 3), (5, 4, 4)])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_every_pixel_type_becomes_rgba_of_8_bits(rng, shape, kind):
    pixels = rng.integers(0, np.iinfo(kind).max, shape, dtype=kind, endpoint=True)
    shown = as_rgba(pixels)
    samples = np.rint(pixels.reshape(5, 4, -1) / np.iinfo(kind).max * 255)
    alpha = samples[..., -1:] if samples.shape[-1] in (2, 4) else np.full((5, 4, 1), 255)
    colours = samples[..., :3] if samples.shape[-1] > 2 else np.repeat(samples[..., :1], 3, -1)
    assert shown.dtype == np.uint8 and shown.shape == (5, 4, 4)
    np.testing.assert_allclose(shown, np.concatenate([colours, alpha], -1), atol=1)
