import pytest

from keras_hyper.processor import onednn_may_use_bfloat16


@pytest.mark.parametrize(
    ("isa", "expected"),
    [
        (None, True),
        ("DEFAULT", True),
        ("avx512_core_amx", True),
        ("AVX512_CORE_BF16", True),
        ("AVX512_CORE_VNNI", False),
        ("AVX2", False),
    ],
)
def test_bfloat16_needs_instructions_that_the_variable_allows(monkeypatch, isa, expected):
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    if isa:
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", isa)
    assert onednn_may_use_bfloat16() is expected
