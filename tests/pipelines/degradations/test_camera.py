import numpy as np
import pytest
import tensorflow as tf

from pipelines import ESTIMATOR_TASKS, TASKS
from pipelines.color import LUMA
from pipelines.degradations import camera

SEED = (1, 2)


@pytest.fixture
def without_jpeg(monkeypatch):
    monkeypatch.setattr(camera, "JPEGS", 0.0)


@pytest.fixture
def correlated(monkeypatch):
    monkeypatch.setattr(camera, "WHITE", 0.0)


def flat(value, images=24, side=64, channels=3):
    image = np.full((images, side, side, channels), value, np.float32)
    image[:, 0, 0, -1] += 0.01  # not gray
    return tf.constant(image)


def noise_of(image, level, seed=SEED):
    return 255.0 * (camera.add_camera_noise(image, level, seed) - image).numpy()


def correlation(noise, distance):
    products = noise[:, :, distance:] * noise[:, :, :-distance]
    return products.mean() / np.square(noise).mean()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("level", [5.0, 20.0])
def test_level_is_the_deviation_at_middle_gray(without_jpeg, level, channels):
    noise = noise_of(flat(0.5, channels=channels), level)
    assert noise.std() == pytest.approx(level, rel=0.04)
    assert abs(noise.mean()) < 0.1 * level


def test_noise_in_training_is_near_the_level(without_jpeg):
    image = flat(0.5, images=200, side=32)
    noise = 255.0 * (camera.add_noise_near_level(image, 8.0, SEED) - image).numpy()
    logarithms = np.log(noise.std(axis=(1, 2, 3)) / 8.0)
    # What 32 pixels of correlated noise add is small beside it.
    assert logarithms.std() == pytest.approx(camera.UNCERTAINTY, abs=0.05)
    assert np.median(logarithms) == pytest.approx(0.0, abs=0.06)
    again = 255.0 * (camera.add_noise_near_level(image, 8.0, SEED) - image).numpy()
    np.testing.assert_array_equal(again, noise)
    photo = TASKS["photo"]
    trained = photo.degrade_for_training(image, 8.0, SEED)
    np.testing.assert_array_equal(255.0 * (trained - image), noise)
    # Validation and the estimator have the level itself.
    for task in (photo, ESTIMATOR_TASKS["estimate-photo"]):
        exact = 255.0 * (task.degrade(image, 8.0, SEED) - image).numpy()
        assert np.log(exact.std(axis=(1, 2, 3)) / 8.0).std() < 0.1
    assert ESTIMATOR_TASKS["estimate-photo"].degrade_for_training is None


def test_noise_is_correlated_as_measured_in_photographs(without_jpeg, correlated):
    noise = noise_of(flat(0.5), 20.0)
    # Three sets of photographs: 0.70, 0.35, 0.20, 0.12 at distances of 1 to 4 pixels.
    for distance, measured in enumerate((0.70, 0.35, 0.20, 0.12), 1):
        assert correlation(noise, distance) == pytest.approx(measured, abs=0.06)
    assert correlation(noise.transpose(0, 2, 1, 3), 1) == pytest.approx(0.70, abs=0.06)


def test_every_image_has_unit_variance(correlated):
    image = flat(0.5)
    noise = camera.noise_field(image, camera._Sampler(SEED, 24)).numpy()
    np.testing.assert_allclose(noise.std(axis=(1, 2, 3)), 1.0, rtol=1e-4)


def test_ranges_are_from_low_to_high():
    for low, high in (*camera.BLURS, *camera.LUMA_SHARES, *camera.CHROMA_SHARES):
        assert 0 <= low <= high


def test_channels_share_part_of_the_noise(without_jpeg, correlated):
    noise = noise_of(flat(0.5, images=96, side=48), 20.0).reshape(96, -1, 3)
    shared = [np.corrcoef(one.T)[np.triu_indices(3, 1)].mean() for one in noise]
    low, high = np.quantile(shared, (0.2, 0.8))
    assert low > 0.15 and high < 0.85
    assert np.mean(shared) == pytest.approx(0.45, abs=0.08)


def test_chroma_is_coarser_than_luma_and_gray_has_the_luma_alone(without_jpeg, correlated):
    noise = noise_of(flat(0.5), 20.0)
    luma = noise @ LUMA
    blue = noise[..., 2] - luma
    gray = noise_of(tf.fill((24, 64, 64, 3), 0.5), 20.0)[..., 0]
    assert gray.std() == pytest.approx(20.0, rel=0.03)
    assert correlation(blue, 3) > 0.3 > 0.1 > correlation(luma, 3)
    assert correlation(gray, 3) == pytest.approx(correlation(luma, 3), abs=0.04)


def test_some_photographs_have_white_noise(without_jpeg):
    noise = noise_of(flat(0.5, images=60), 20.0)
    white = [abs(correlation(one[None], 1)) < 0.1 for one in noise]
    assert 0.05 < np.mean(white) < 0.3


def test_gray_images_stay_gray():
    noisy = camera.add_camera_noise(tf.fill((4, 48, 48, 3), 0.5), 20.0, SEED).numpy()
    np.testing.assert_array_equal(noisy[..., :1] + np.zeros(3, np.float32), noisy)
    assert (noisy.std(axis=(1, 2, 3)) * 255 > 8).all()


def test_deviation_falls_to_the_highlights(without_jpeg):
    deviations = [noise_of(flat(value), 10.0).std() for value in (0.3, 0.5, 0.75, 0.9)]
    assert deviations == sorted(deviations, reverse=True)
    assert deviations[-1] < 0.7 * deviations[1]


def test_most_noise_is_in_the_darker_middle_tones(without_jpeg):
    deviations = {v: noise_of(flat(v), 10.0).std() for v in (0.02, 0.15, 0.3, 0.5, 0.8)}
    assert max(deviations, key=deviations.get) == 0.3
    assert deviations[0.02] < 0.85 * deviations[0.3]
    assert deviations[0.8] < 0.65 * deviations[0.3]


def test_denoising_leaves_more_noise_at_edges(without_jpeg, monkeypatch):
    image = np.full((16, 64, 64, 3), 0.5, np.float32)
    image[:, :, 32:] += 0.04 * (np.arange(32) % 2)[:, None]  # plain on the left, texture beside it
    image[:, 0, 0, -1] += 0.01
    noise = {}
    for plain in (0.2, 1.0):
        monkeypatch.setattr(camera, "PLAIN", (plain, plain))
        noise[plain] = noise_of(tf.constant(image), 8.0)

    def ratio(noise):
        return noise[:, :, 40:].std() / noise[:, :, :24].std()

    assert ratio(noise[1.0]) == pytest.approx(1.0, abs=0.1)
    # Texture with gradients of 10 gray levels: 0.2 + 0.8 * 7.2 / (7.2 + 3 to 12) over 0.2.
    assert 2.0 < ratio(noise[0.2]) < 4.0
    # The level is that of both together.
    assert noise[0.2].std() == pytest.approx(noise[1.0].std(), rel=0.03)


def test_images_have_cameras_of_their_own(without_jpeg):
    deviations = noise_of(flat(0.8), 20.0).std(axis=(1, 2, 3))
    assert np.ptp(deviations) > 0.5


def test_jpeg_removes_high_frequencies(monkeypatch):
    monkeypatch.setattr(camera, "QUALITY", (75.0, 75.0))
    noise = {}
    for share in (0.0, 1.0):
        monkeypatch.setattr(camera, "JPEGS", share)
        noise[share] = noise_of(flat(0.5), 10.0)
    assert noise[1.0].std() < noise[0.0].std()
    assert np.abs(noise[1.0] - noise[0.0]).max() > 1


def test_result_is_8_bits_and_depends_on_the_seed_alone():
    image = tf.random.stateless_uniform((2, 48, 56, 3), (5, 6))
    noisy = camera.add_camera_noise(image, 10.0, SEED).numpy()
    assert noisy.shape == image.shape and noisy.min() >= 0 and noisy.max() <= 1
    np.testing.assert_allclose(noisy * 255, np.rint(noisy * 255), atol=1e-4)
    np.testing.assert_array_equal(noisy, camera.add_camera_noise(image, 10.0, SEED))
    assert np.abs(noisy - camera.add_camera_noise(image, 10.0, (1, 3))).max() > 0.05


def test_level_0_leaves_the_image(without_jpeg):
    image = tf.round(tf.random.stateless_uniform((1, 32, 32, 3), (5, 6)) * 255.0) / 255.0
    np.testing.assert_allclose(camera.add_camera_noise(image, 0.0, SEED), image, atol=1e-6)


def test_linear_light_and_slope_are_those_of_srgb_without_an_s_curve():
    # IEC 61966-2-1: 0.5 is 0.214041 in linear light, 0.02 is 0.02 / 12.92.
    light, slope = camera._linear(tf.constant([0.02, 0.5, 0.9]), tf.constant(0.0))
    np.testing.assert_allclose(light, [0.00154799, 0.2140411, 0.7874123], rtol=1e-5)
    value = tf.constant([0.021, 0.501, 0.901])
    rise = (camera._linear(value, tf.constant(0.0))[0] - light) / 0.001
    np.testing.assert_allclose(slope, 1.0 / rise, rtol=5e-3)


def test_channels_that_share_all_noise_are_equal(monkeypatch, correlated):
    monkeypatch.setattr(camera, "SHARED", (1.0, 1.0))
    noise = camera.noise_field(flat(0.5), camera._Sampler(SEED, 24)).numpy()
    np.testing.assert_allclose(noise[..., 0], noise[..., 1], atol=1e-4)
