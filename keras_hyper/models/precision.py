"""Which number type the inner layers compute in."""

from pathlib import Path

import keras

from keras_hyper.processor import onednn_may_use_bfloat16

_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
PRECISIONS = ("auto", *_POLICIES)


def policy_of(precision: str) -> str:
    """Returns the Keras dtype policy of ``"auto"``, ``"float32"`` or ``"bfloat16"``.

    Raises:
        ValueError: If `precision` is another word.
    """
    if precision == "auto":
        precision = "bfloat16" if multiplies_in_bfloat16() else "float32"
    if precision not in _POLICIES:
        raise ValueError(f"expected `precision` to be one of {PRECISIONS}, got {precision!r}")
    return _POLICIES[precision]


def in_precision(model: keras.Model, precision: str) -> keras.Model:
    """Returns a network in another precision, with the same weights; itself where nothing changes.

    Raises:
        ValueError: If `precision` is another word.
    """
    policy = policy_of(precision)
    if policy == model.dtype_policy.name:
        return model
    other = type(model).from_config({**model.get_config(), "dtype": policy})
    other.build()
    other.set_weights(model.get_weights())
    return other


def accelerators() -> list[str]:
    """Returns the GPUs and TPUs that Keras's backend has, by name."""
    return [name for name in keras.distribution.list_devices() if "cpu" not in name.lower()]


def multiplies_in_bfloat16() -> bool:
    """Whether the device has instructions for it: without them bfloat16 is slower, not faster.

    With oneDNN held to older instructions by its variable ``ONEDNN_MAX_CPU_ISA`` it has none.
    """
    if accelerators():
        return True
    if not onednn_may_use_bfloat16():
        return False
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():  # not Linux: no way to ask without another package
        return False
    flags = cpuinfo.read_text()
    return "avx512_bf16" in flags or "amx_bf16" in flags
