import pytest

from keras_hyper.export.card import version_number
from keras_hyper.serving.server.config import (
    channel_arguments,
    models_of_file,
    models_of_folder,
)

GOOD = """
model_config_list {
  config {
    name: "a" base_path: "/m/a" model_platform: "tensorflow"
    model_version_policy { specific { versions: 1 versions: 2 } }
    version_labels { key: "stable" value: 1 }
  }
  config {
    name: "b" base_path: "/m/b" model_platform: "tensorflow"
    model_version_policy { all {} }
  }
  config {
    name: "c" base_path: "/m/c" model_platform: "tensorflow"
    model_version_policy { latest { num_versions: 3 } }
  }
  config { name: "d" base_path: "/m/d" model_platform: "tensorflow" }
}
"""


def test_config_has_policies_and_labels(tmp_path):
    file = tmp_path / "models.config"
    file.write_text(GOOD)
    a, b, c, d = models_of_file(file)
    assert (a.name, str(a.base_path), a.specific, a.labels) == ("a", "/m/a", (1, 2), {"stable": 1})
    assert [one.latest for one in (b, c, d)] == [0, 3, 1]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nonsense", "cannot be read as a model config"),
        ("", "expected at least one model .* got none"),
        (GOOD.replace('name: "b"', 'name: "a"'), "different names, got a, a, c, d"),
        (GOOD.replace('name: "b"', ""), "expected a model with name and base_path"),
        (GOOD.replace("/m/b", "m/b"), "expected an absolute base_path of b, got m/b"),
        (
            GOOD.replace('"tensorflow"', '"other"'),
            'got "other"',
        ),
    ],
)
def test_invalid_config_is_refused_with_a_reason(tmp_path, text, says):
    file = tmp_path / "models.config"
    file.write_text(text)
    with pytest.raises(ValueError, match=says):
        models_of_file(file)


def test_folder_of_models_or_of_one_model(tmp_path):
    for path in ("a/1", "a/2", "b/7", "c/not_a_number"):
        (tmp_path / path).mkdir(parents=True)
    (tmp_path / "file").touch()
    assert [one.name for one in models_of_folder(tmp_path)] == ["a", "b"]
    assert [one.name for one in models_of_folder(tmp_path / "a")] == ["a"]


def test_only_positive_integers_are_versions():
    names = ("1", "007", "v1", "0.1", "-1", "1_0", "٤", "", "20261128021459000001", "9" * 5000)
    assert [version_number(name) for name in names] == [1, 7, *[None] * 8]
    assert version_number(str((1 << 63) - 1)) == (1 << 63) - 1


def test_channel_arguments_are_names_and_values():
    text = "grpc.max_connection_age_ms=2000,grpc.primary_user_agent=x"
    found = (("grpc.max_connection_age_ms", 2000), ("grpc.primary_user_agent", "x"))
    assert channel_arguments(text) == found and channel_arguments("") == ()
    with pytest.raises(ValueError, match="expected name=value"):
        channel_arguments("grpc.max_connection_age_ms")
