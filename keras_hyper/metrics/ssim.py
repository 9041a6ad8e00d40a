"""Structural similarity."""


def ssim(clean, restored, peak=1.0):
    """Returns the SSIM of each picture, the mean over its channels.

    An 11x11 Gaussian window of sigma 1.5 over the valid region, K1 = 0.01, K2 = 0.03.

    Args:
        clean: ``(batch, height, width, channels)``, values in [0, peak], sides of 11 and more.
        restored: The same shape.
        peak: The highest value a pixel can have.

    Returns:
        float32 ``(batch,)``.

    Reference:
        Wang et al., IEEE TIP 13 (2004); TensorFlow's implementation.
    """
    import tensorflow as tf

    return tf.image.ssim(clean, restored, peak)
