"""The network of one level alone, in ordinary convolutions."""

import keras

from keras_hyper.models.trunk import MainNetwork, convolution


@keras.saving.register_keras_serializable(package="keras_hyper")
class PlainRes(MainNetwork):
    """The network of Fig. 1 with constant kernels: what `HyperRes.at_level` returns.

    Args:
        level: The level that it restores, in the task's unit.
        **kwargs: `channels`, `blocks`, `filters`, `image_residual`, `task` and `unit`, as in
            `HyperRes`.

    Call arguments:
        image: float ``(batch, height, width, channels)`` in [0, 1], sides of 1 and up.

    Output shape:
        That of ``image``, float32. Not clipped: values may leave [0, 1] by a little.

    Raises:
        ValueError: If an argument makes no network, or the image does not fit it.

    Reference:
        Aharon and Ben-Artzi, arXiv:2206.05970, figure 1: one main network at run time.
    """

    def __init__(self, level=0.0, **kwargs):
        super().__init__(**kwargs)
        self.level = float(level)

    def block_conv(self, filters, **kwargs):
        """Returns an ordinary convolution."""
        return convolution(filters, **kwargs)

    def call(self, image):
        return self.forward(self.check_image(image), lambda conv, x, _: conv(x))

    def get_config(self):
        return {**super().get_config(), "level": self.level}
