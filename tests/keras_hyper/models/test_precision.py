import keras
import pytest

from keras_hyper.models import precision
from keras_hyper.models.precision import (
    accelerators,
    in_precision,
    multiplies_in_bfloat16,
    policy_of,
)


def test_names_become_keras_policies():
    assert policy_of("float32") == "float32"
    assert policy_of("bfloat16") == "mixed_bfloat16"
    expected = "mixed_bfloat16" if multiplies_in_bfloat16() else "float32"
    assert policy_of("auto") == expected


def test_unknown_name_is_refused_with_the_known_names():
    with pytest.raises(ValueError, match="auto.*float32.*bfloat16.*'half'"):
        policy_of("half")


@pytest.mark.parametrize(
    ("devices", "flags", "expected"),
    [
        (["cpu:0"], None, False),
        (["cpu:0"], "fpu avx2 avx512f", False),
        (["cpu:0"], "fpu avx512_bf16", True),
        (["cpu:0"], "fpu amx_bf16", True),
        (["cpu:0", "gpu:0"], "fpu", True),
        (["CPU:0", "gpu:0", "gpu:1"], None, True),
    ],
)
def test_bfloat16_is_for_accelerators_and_processors_with_its_instructions(
    tmp_path, monkeypatch, devices, flags, expected
):
    if flags is not None:
        (tmp_path / "cpuinfo").write_text(f"flags\t\t: {flags}\n")
    monkeypatch.setattr(precision, "Path", lambda name: tmp_path / "cpuinfo")
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: devices)
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    assert accelerators() == devices[1:]
    assert multiplies_in_bfloat16() is expected
    assert policy_of("auto") == ("mixed_bfloat16" if expected else "float32")


@pytest.mark.parametrize(
    ("isa", "expected"),
    [("AVX2", False), ("avx512_core_vnni", False), ("AVX512_CORE_AMX", True), ("DEFAULT", True)],
)
def test_bfloat16_needs_the_instructions_that_onednn_may_use(tmp_path, monkeypatch, isa, expected):
    (tmp_path / "cpuinfo").write_text("flags\t\t: fpu amx_bf16\n")
    monkeypatch.setattr(precision, "Path", lambda name: tmp_path / "cpuinfo")
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: ["cpu:0"])
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", isa)
    assert multiplies_in_bfloat16() is expected


def test_a_network_is_copied_only_to_another_precision(tiny):
    assert in_precision(tiny, "float32") is tiny
    other = in_precision(tiny, "bfloat16")
    assert other is not tiny and other.dtype_policy.name == "mixed_bfloat16"
    assert in_precision(other, "bfloat16") is other
