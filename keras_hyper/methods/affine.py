"""Methods that store slope and offset of every kernel: HyperRes, Decouple's form, DNI."""

from typing import Any

from keras import ops

from keras_hyper.methods.method import TWO_ENDS, Method
from keras_hyper.models.trunk import PLACES


class HyperResMethod(Method):
    """The paper's: the convolutions of the blocks, trained on k levels at once.

    In two stages, one level each, it is DNI of the blocks alone.

    Reference:
        Aharon and Ben-Artzi, arXiv:2206.05970.
    """


class Decouple(Method):
    """Every convolution depends on the level.

    The form of Decouple Learning on this trunk: with biases and without its instance norms.

    Reference:
        Fan et al., ECCV 2018.
    """

    places = PLACES


def edge_channel(image: Any) -> Any:
    """Returns the fourth input channel of the authors' network for Decouple Learning.

    It is the mean, over four neighbours and the colours, of the absolute difference to a pixel.

    Args:
        image: ``(batch, height, width, channels)`` in any unit; the border is repeated outside.

    Returns:
        ``(batch, height, width, 1)`` in that unit.
    """
    padded = ops.concatenate([image[:, :1], image, image[:, -1:]], axis=1)
    padded = ops.concatenate([padded[:, :, :1], padded, padded[:, :, -1:]], axis=2)
    sides = padded[:, :-2, 1:-1], padded[:, 2:, 1:-1], padded[:, 1:-1, :-2], padded[:, 1:-1, 2:]
    return ops.mean(sum(ops.absolute(image - side) for side in sides) / 4, axis=-1, keepdims=True)


class DNI(Method):
    """Interpolates two networks; the second is trained from the first.

    ``b`` is the first network, ``w`` the difference of the two, which begins as zero. Training it
    alone at a scalar of 1 is training the second network from the first.

    Reference:
        Wang et al., Deep Network Interpolation, CVPR 2019.
    """

    places = PLACES
    stages = TWO_ENDS
