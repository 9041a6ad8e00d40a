import pytest

from keras_hyper.models.precision import multiplies_in_bfloat16, policy_of


def test_names_become_keras_policies():
    assert policy_of("float32") == "float32"
    assert policy_of("bfloat16") == "mixed_bfloat16"
    expected = "mixed_bfloat16" if multiplies_in_bfloat16() else "float32"
    assert policy_of("auto") == expected


def test_unknown_name_is_refused_with_the_known_names():
    with pytest.raises(ValueError, match="auto.*float32.*bfloat16.*'half'"):
        policy_of("half")
