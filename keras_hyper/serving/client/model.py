"""What a served model says of itself."""

import dataclasses
import json

from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import get_model_metadata_pb2


@dataclasses.dataclass(frozen=True)
class ServedModel:
    """What a client knows of the version that it talks to.

    Args:
        version: Its number.
        channels: 1 or 3.
        takes_level: False for an export of one level.
        signatures: Names of its signatures.
        card: The export's card, from its signature ``describe``; empty if it has none.
    """

    version: int
    channels: int
    takes_level: bool
    signatures: frozenset[str]
    card: dict = dataclasses.field(default_factory=dict)

    @property
    def halo(self) -> int | None:
        """How far, in pixels, an output looks; None where the model does not say."""
        return self.card.get("halo")

    @property
    def level_range(self) -> tuple[float, float]:
        """Lowest and highest level trained on; all numbers where the model does not say."""
        low, high = self.card.get("level_range", (0.0, float("inf")))
        return low, high


def read_metadata(response) -> ServedModel:
    """Reads a GetModelMetadataResponse.

    Raises:
        ValueError: If the model restores no pictures; the text says what it has instead.
    """
    packed = get_model_metadata_pb2.SignatureDefMap()
    response.metadata["signature_def"].Unpack(packed)
    signatures = packed.signature_def
    name = response.model_spec.name
    image = signatures["serving_default"].inputs.get("image") if (
        "serving_default" in signatures
    ) else None  # fmt: skip
    if image is None or image.dtype != types_pb2.DT_FLOAT or len(image.tensor_shape.dim) != 4:
        raise ValueError(
            f"model {name} restores no pictures: `serving_default` with a float input `image` "
            f"(batch, height, width, channels) was wanted. Received: {_summary(signatures)}"
        )
    return ServedModel(
        version=response.model_spec.version.value,
        channels=image.tensor_shape.dim[3].size,
        takes_level="level" in signatures["serving_default"].inputs,
        signatures=frozenset(signatures),
    )


def _summary(signatures):
    return ", ".join(
        f"{name}({', '.join(sorted(signature.inputs))})"
        for name, signature in sorted(signatures.items())
        if signature.method_name
    )


def with_card(served: ServedModel, text: bytes) -> ServedModel:
    """Returns `served` with the card that ``describe`` answered."""
    return dataclasses.replace(served, card=json.loads(text))
