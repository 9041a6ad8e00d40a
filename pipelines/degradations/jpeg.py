"""JPEG compression: by libjpeg for a picture, as tensor code for a batch."""

import numpy as np
import tensorflow as tf

from pipelines.color import LUMA
from pipelines.degradations import Array, Level, Seed
from pipelines.degradations.bicubic import shrink_each
from pipelines.degradations.noise import add_gaussian_noise
from pipelines.jpeg_tables import libjpeg_tables

# libjpeg's "islow" transform in 13-bit integers, as one matrix: its flow graph is linear and rounds
# only at the end of a pass. The other four columns mirror these, odd rows with the sign turned.
_HALF = np.array([
    [8192, 8192, 8192, 8192],
    [11363, 9633, 6437, 2260],
    [10703, 4433, -4433, -10703],
    [9633, -2259, -11362, -6436],
    [8192, -8192, -8192, 8192],
    [6437, -11362, 2261, 9633],
    [4433, -10704, 10704, -4433],
    [2260, -6436, 9633, -11363],
], np.float64)  # fmt: skip
_DCT = np.hstack([_HALF, _HALF[:, ::-1] * np.where(np.arange(8) % 2, -1, 1)[:, None]])


def compress_jpeg_libjpeg(picture: Array, level: Level) -> tf.Tensor:
    """Compresses one picture with libjpeg's defaults and decodes it accurately.

    Args:
        picture: float32 ``(height, width, 1 or 3)`` in [0, 1].
        level: Quality, 1 to 100; rounded to a whole number.

    Returns:
        float32 of the picture's shape, multiples of 1/255; colour is stored 4:2:0.
    """
    pixels = tf.cast(tf.round(tf.convert_to_tensor(picture) * 255.0), tf.uint8)
    quality = tf.cast(tf.round(level), tf.int32)
    data = tf.raw_ops.EncodeJpegVariableQuality(images=pixels, quality=quality)
    # The default inverse DCT would be up to 5 grey levels off.
    decoded = tf.io.decode_jpeg(data, pixels.shape[-1], dct_method="INTEGER_ACCURATE")
    return tf.cast(decoded, tf.float32) / 255.0


def compress_jpeg(image: Array, level: Level) -> tf.Tensor:
    """Compresses as libjpeg does, in tensor code that runs on any device.

    Args:
        image: float32 ``(batch, height, width, 1 or 3)`` in [0, 1]; colour is stored 4:2:0.
        level: Quality ``()``, 1 to 100; rounded to a whole number.

    Returns:
        float32 of the image's shape, multiples of 1/255. Nearly all samples equal libjpeg's; the
        rest differ where its integer transform rounds to the other side.
    """
    pixels = tf.round(image * 255.0)
    quality = tf.cast(tf.clip_by_value(tf.round(tf.cast(level, tf.float32)), 1.0, 100.0), tf.int32)
    luma_table, chroma_table = (
        tf.reshape(tf.gather(tables, quality - 1), (8, 8)) for tables in libjpeg_tables()
    )
    if image.shape[-1] == 1:
        return _code_plane(pixels[..., 0], luma_table)[..., None] / 255.0
    red, green, blue = tf.unstack(pixels, axis=-1)
    # BT.601 in 16-bit integers, as libjpeg has it; every sum is exact in float32.
    luma = _shift_right(19595.0 * red + 38470.0 * green + 7471.0 * blue + 32768.0)
    luma = _code_plane(luma, luma_table)
    chroma = []
    for weights in ((-11059.0, -21709.0, 32768.0), (32768.0, -27439.0, -5329.0)):
        plane = weights[0] * red + weights[1] * green + weights[2] * blue
        plane = _downsample_chroma(_shift_right(plane + 32767.0) + 128.0)
        plane = _code_plane(plane, chroma_table)[:, :, : (tf.shape(luma)[2] + 1) // 2]
        chroma.append(_upsample_chroma(plane, tf.shape(luma)) - 128.0)
    cb, cr = chroma
    offsets = (91881.0 * cr, -22554.0 * cb - 46802.0 * cr, 116130.0 * cb)
    rgb = tf.stack([luma + _shift_right(offset + 32768.0) for offset in offsets], axis=-1)
    return tf.ensure_shape(tf.clip_by_value(rgb, 0.0, 255.0) / 255.0, image.shape)


def add_noise_and_compress(image: Array, level: Array, seed: Seed) -> tf.Tensor:
    """Adds white Gaussian noise, clipped and rounded to 8 bits, and compresses the result.

    Args:
        image: float32 ``(batch, height, width, 1 or 3)`` in [0, 1].
        level: Standard deviation of the noise on the 0-255 scale, and JPEG quality; ``(2,)``.
        seed: Two integers; the same seed gives the same noise.

    Returns:
        float32 of the image's shape, multiples of 1/255.
    """
    return compress_jpeg(add_gaussian_noise(image, level[0], seed, floor=False), level[1])


def _shift_right(value, bits=16):
    return tf.floor(value / 2.0**bits)


def _code_plane(plane, table):
    """Transforms, quantises and transforms back a plane ``(batch, height, width)`` of 0..255."""
    shape = tf.shape(plane)
    padded = _pad_edges(plane, 8, 8)
    size = tf.shape(padded)
    blocks = tf.reshape(padded, (-1, size[1] // 8, 8, size[2] // 8, 8)) - 128.0
    blocks = tf.cast(tf.transpose(blocks, (0, 1, 3, 2, 4)), tf.float64)
    # Bits dropped by each pass; the transform comes out 8 times too large, as libjpeg's does.
    blocks = _transform(blocks, _DCT.T, 11, 15)
    # Halves away from zero, as the C code's integer division does.
    table = tf.cast(table, tf.float64)
    steps = tf.sign(blocks) * tf.floor((tf.abs(blocks) + 4.0 * table) / (8.0 * table))
    blocks = _transform(tf.linalg.matrix_transpose(steps * table), _DCT, 11, 18)
    blocks = tf.cast(tf.linalg.matrix_transpose(blocks), tf.float32)
    decoded = tf.reshape(tf.transpose(blocks, (0, 1, 3, 2, 4)), size)
    decoded = tf.clip_by_value(decoded + 128.0, 0.0, 255.0)
    return tf.ensure_shape(decoded[:, : shape[1], : shape[2]], plane.shape)


def _transform(blocks, matrix, first, second):
    """Multiplies the rows of 8x8 blocks, then their columns; drops bits after each pass."""
    shape = tf.shape(blocks)
    for bits in (first, second):
        # One tall product: a product a block would be mostly overhead.
        flat = tf.matmul(tf.reshape(blocks, (-1, 8)), matrix)
        rounded = tf.floor((flat + 2.0 ** (bits - 1)) / 2.0**bits)
        blocks = tf.linalg.matrix_transpose(tf.reshape(rounded, shape))
    return blocks


def _pad_edges(plane, rows, columns):
    """Repeats the last row and column until the sides are multiples."""
    shape = tf.shape(plane)
    for axis, multiple in ((1, rows), (2, columns)):
        side = shape[axis]
        index = tf.range(side + (-side) % multiple)
        plane = tf.gather(plane, tf.minimum(index, side - 1), axis=axis)
    return plane


def _downsample_chroma(plane):
    """Averages squares of four; halves go down in even columns and up in odd ones.

    To the right whole blocks are filled from the edge before averaging, as libjpeg does; below, its
    last averaged row is repeated, which `_code_plane` does.
    """
    padded = _pad_edges(plane, 2, 16)
    total = padded[:, ::2] + padded[:, 1::2]
    total = total[:, :, ::2] + total[:, :, 1::2]
    odd = tf.cast(tf.range(tf.shape(total)[2]) % 2, tf.float32)
    return tf.floor((total + 1.0 + odd) / 4.0)


def _upsample_chroma(plane, shape):
    """Enlarges twice as the decoder does: the near sample weighs 3, the far one 1, both ways."""
    above, below = _neighbours(plane, 1)
    rows = _interleave(3.0 * plane + above, 3.0 * plane + below, axis=1)
    left, right = _neighbours(rows, 2)
    even = tf.floor((3.0 * rows + left + 8.0) / 16.0)
    odd = tf.floor((3.0 * rows + right + 7.0) / 16.0)
    smooth = _interleave(even, odd, axis=2)
    # libjpeg only repeats samples where a chroma row has no more than two.
    plain = tf.repeat(tf.repeat(plane, 2, axis=1), 2, axis=2)
    doubled = tf.where(tf.shape(plane)[2] > 2, smooth, plain)
    return doubled[:, : shape[1], : shape[2]]


def _neighbours(plane, axis):
    """The neighbours before and after along an axis; at the edges the sample itself."""
    index = tf.range(tf.shape(plane)[axis])
    before = tf.gather(plane, tf.maximum(index - 1, 0), axis=axis)
    return before, tf.gather(plane, tf.minimum(index + 1, index[-1]), axis=axis)


def _interleave(even, odd, axis):
    stacked = tf.stack([even, odd], axis=axis + 1)
    shape = tf.tensor_scatter_nd_add(tf.shape(even), [[axis]], [tf.shape(even)[axis]])
    return tf.reshape(stacked, shape)


# Above this quality nothing is compressed: tables of ones and twos change almost nothing.
FINEST = 95.0
# Training photographs are mostly JPEGs of high quality; shrinking removes their traces. The
# softness varies, so that it does not reveal the quality.
_SHRUNK, _SOFTNESS = (1.35, 2.0), (0.6, 1.2)
# Changes after the compression: the share of pictures, and how much.
_GRAY, _SCALED, _CHANGED = 0.25, 0.35, 0.25
_SCALE, _CONTRAST, _BRIGHTNESS = (1.0, 1.45), (0.8, 1.2), (-0.1, 0.1)


def recompress_jpeg(image: Array, level: Level, seed: Seed) -> tf.Tensor:
    """Compresses pictures as JPEG, then changes some: training pictures of a quality estimator.

    A quarter of the pictures are gray, in equal channels. After compression a third is shrunk to
    0.7 of its sides and more, and a quarter changed in brightness and contrast; each step rounds to
    8 bits. The mirror image of a shrunk picture fills the rest of its frame.

    Args:
        image: float32 ``(batch, height, width, 1 or 3)`` in [0, 1].
        level: Quality ``()``, 1 to 100. Above `FINEST` nothing is compressed.
        seed: Two integers; the same seed gives the same pictures.

    Returns:
        float32 of the image's shape, multiples of 1/255.
    """
    batch = tf.shape(image)[0]

    def sample(index, bounds=(0.0, 1.0), shape=()):
        own = tf.random.experimental.stateless_fold_in(seed, index)
        return tf.random.stateless_uniform((batch, *shape), own, *bounds)

    picture = shrink_each(image, sample(0, _SHRUNK), sample(1, _SOFTNESS))
    if image.shape[-1] == 3:
        gray = tf.reduce_sum(picture * LUMA, axis=-1, keepdims=True)
        picture = tf.where(sample(2, shape=(1, 1, 1)) < _GRAY, gray, picture)
    picture = _to_bytes(picture)
    picture = tf.cond(
        tf.cast(level, tf.float32) > FINEST,
        lambda: picture,
        lambda: compress_jpeg(picture, level),
    )
    factor = tf.where(sample(3) < _SCALED, sample(4, _SCALE), 1.0)
    picture = _to_bytes(shrink_each(picture, factor, sample(5, _SOFTNESS)))
    contrast, brightness = sample(6, _CONTRAST, (1, 1, 1)), sample(7, _BRIGHTNESS, (1, 1, 1))
    changed = _to_bytes((picture - 0.5) * contrast + 0.5 + brightness)
    picture = tf.where(sample(8, shape=(1, 1, 1)) < _CHANGED, changed, picture)
    return tf.ensure_shape(picture, image.shape)


def target_quality(inputs: dict[str, Array], clean: Array) -> tf.Tensor:
    """Returns the qualities ``(batch, k)`` of pairs; 100 where nothing was compressed."""
    return tf.where(inputs["level"] > FINEST, 100.0, inputs["level"])


def _to_bytes(picture):
    return tf.round(tf.clip_by_value(picture, 0.0, 1.0) * 255.0) / 255.0
