"""Runs the listings of docs/library.md."""

import re

import numpy as np
import onnxruntime

from tests.conftest import ROOT

LISTINGS = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "library.md").read_text(), re.S)


def test_listings_run_in_their_order(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert len(LISTINGS) == 6
    names: dict = {}
    for listing in LISTINGS:
        exec(compile(listing, "library.md", "exec"), names)
    assert capsys.readouterr().out.strip().endswith("['InputLayer', 'Conv2D', 'Conv2D']")
    losses = names["history"].history["loss"]
    assert losses[-1] < losses[0]
    assert names["restored"].shape == names["pictures"].shape
    inputs = {"image": names["pictures"], "level": 25}
    (answer,) = names["answer"].values()
    expected = names["adaptive"](inputs)
    np.testing.assert_allclose(answer, expected, atol=1e-5)
    session = onnxruntime.InferenceSession("adaptive.onnx", providers=["CPUExecutionProvider"])
    [answer] = session.run(None, {**inputs, "level": np.full(4, 25, np.float32)})
    np.testing.assert_allclose(answer, expected, atol=1e-4)
