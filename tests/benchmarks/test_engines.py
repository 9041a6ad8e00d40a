"""The benchmark of engines: its ratios, and one round of it."""

import pytest

pytest.importorskip("torch", reason="the extra `bench` is not installed")

from benchmarks import engines
from benchmarks.engines import COMPILED, FASTEST, FIXED, LAST, ONE_SIZE, OURS, RIVALS, USUAL


def test_figures_are_medians_and_ratios_of_the_fastest_rival_and_of_channels_last():
    float32 = {OURS: [1.0, 2.0, 3.0], LAST: [4.0, 6.0, 9.0], "ONNX Runtime": [3.0, 4.0, 3.0]}
    bfloat16 = {OURS: [0.5, 1.0, 1.0], LAST: [2.0, 3.0, 3.0], COMPILED: [0.9, 0.9, 0.9]}
    # Neither TensorFlow, which is another engine of ours, nor OpenVINO for one size is a rival.
    float32 |= {"TensorFlow": [0.1] * 3, ONE_SIZE: [0.9, 1.6, 2.9]}
    bfloat16 |= {ONE_SIZE: [0.5, 0.9, 0.8]}
    groups = {"float32": float32, "bfloat16": bfloat16}
    seconds = {(key, library): times for key, of in groups.items() for library, times in of.items()}
    medians = {OURS: 2.0, LAST: 6.0, "ONNX Runtime": 3.0}
    medians |= {"TensorFlow": 0.1, ONE_SIZE: 1.6}
    assert engines.figures_of(seconds) == {
        "float32": {**medians, FASTEST: 2.0, FIXED: 0.9, USUAL: 3.0},
        "bfloat16": {
            **{OURS: 1.0, LAST: 3.0, COMPILED: 0.9, ONE_SIZE: 0.8},
            **{FASTEST: 0.9, FIXED: 0.9, USUAL: 8.0},
        },
    }


def test_one_round_prints_each_library_and_keeps_nothing_compiled(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    engines.run(1, ("denoise_tiny",))
    title, *lines = capsys.readouterr().out.splitlines()
    assert title.startswith("480x320 in float32, seconds; ONEDNN_MAX_CPU_ISA=AVX2;")
    rows = [line.strip("│ ").split(" │ ") for line in lines if line.startswith("│")]
    # ONNX Runtime cannot be held to AVX2.
    libraries = ["TensorFlow", OURS, ONE_SIZE, *RIVALS[1:]]
    assert [label.strip() for label, _ in rows] == [*libraries, FASTEST, FIXED, USUAL]
    assert all(float(cell) > 0 for _, cell in rows)
    # PyTorch would run what it keeps in a later run that has other instructions.
    kept = {path.name for path in tmp_path.iterdir()}
    assert kept and not kept & {"fxgraph", "aotautograd"}
