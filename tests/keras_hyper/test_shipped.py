from keras_hyper import shipped


def test_the_shipped_models_are_in_the_package_or_in_the_clone(tmp_path, monkeypatch):
    package = tmp_path / "keras_hyper"
    monkeypatch.setattr(shipped, "__file__", str(package / "shipped.py"))
    assert shipped.shipped_models() == tmp_path / "saved_models"
    (package / "saved_models").mkdir(parents=True)
    assert shipped.shipped_models() == package / "saved_models"
