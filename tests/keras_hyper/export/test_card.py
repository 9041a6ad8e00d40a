import json

from keras_hyper.export.card import (
    hash_files,
    read_card,
    saved_model_folder,
    training_facts,
)


def test_a_hash_depends_on_contents_and_order_alone(tmp_path):
    for name, text in (("a", "1"), ("b", "1"), ("c", "2")):
        (tmp_path / name).write_text(text)
    a, b, c = (tmp_path / name for name in "abc")
    assert hash_files([a]) == hash_files([b]) != hash_files([c]) != hash_files([a, c])
    assert hash_files([a, c]) != hash_files([c, a])


def test_the_newest_version_is_the_highest_number(tmp_path):
    assert saved_model_folder(tmp_path) is None and saved_model_folder(tmp_path / "no") is None
    for number in ("9", "10", "notes"):
        (tmp_path / number).mkdir()
        (tmp_path / number / "saved_model.pb").touch()
    assert saved_model_folder(tmp_path) == tmp_path / "10"
    assert saved_model_folder(tmp_path / "9") == tmp_path / "9"
    (tmp_path / "model.keras").touch()
    assert saved_model_folder(tmp_path) is None


def test_facts_of_training_are_those_of_the_newest_export(tmp_path):
    model = tmp_path / "model.keras"
    model.touch()
    assert training_facts(model) == training_facts(tmp_path) == {}
    for number in (1, 2):
        assets = tmp_path / str(number) / "assets.extra"
        assets.mkdir(parents=True)
        (tmp_path / str(number) / "saved_model.pb").touch()
        (assets / "card.json").write_text(json.dumps({"data": number, "channels": 3}))
    assert read_card(tmp_path / "1") == {"data": 1, "channels": 3}
    assert training_facts(model) == training_facts(tmp_path) == {"data": 2}


def test_an_export_without_a_card_has_an_empty_one(tmp_path):
    assert read_card(tmp_path) == {}
