import numpy as np
import pytest
from PIL import Image

from keras_hyper.errors import WrongArgumentError
from keras_hyper.evaluation.report import Measurement, measure_folder, named_levels
from keras_hyper.restoration.restorer import Restorer
from pipelines import TASKS, get_protocol

TASK = TASKS["denoise"]
PROTOCOL = get_protocol(TASK, "paper")


class Identity(Restorer):
    """Returns its images, counts them, and hashes its weights once per use of `identity`."""

    def __init__(self, **card):
        super().__init__("identity", 3, {"task": "denoise", "level_range": (5, 75), **card})
        self.restored = self.hashed = 0

    @property
    def identity(self):
        self.hashed += 1
        return "weights"

    def run(self, image, level):
        self.restored += 1
        return image


@pytest.mark.parametrize(
    ("words", "card", "expected"),
    [
        (None, None, TASK.levels),
        (["paper"], None, PROTOCOL.levels),
        (["all"], None, TASK.all_levels),
        (["50", "15"], None, (15, 50)),
        (None, {"levels_trained_on": [25, 10]}, (10, 25)),
        (None, {}, (5, 75)),
        (["trained"], {"only_level": 25.0}, (25,)),
    ],
)
def test_levels_are_those_of_protocol_task_or_network(words, card, expected):
    restorer = None if card is None else Identity(**card)
    assert named_levels(words, TASK, PROTOCOL, restorer) == tuple(sorted(expected))


@pytest.mark.parametrize(
    ("words", "card", "message"),
    [
        (["5:90"], {}, "paper, all, trained, got 5:90"),
        (["15"], {"only_level": 25.0}, "expected level 25, the only one of this model, got 15"),
        (["300"], {}, "got 300"),
    ],
)
def test_invalid_levels_are_wrong_arguments(words, card, message):
    with pytest.raises(WrongArgumentError, match=message):
        named_levels(words, TASK, PROTOCOL, Identity(**card))


@pytest.fixture
def pictures(tmp_path, rng):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        pixels = rng.integers(0, 256, (20, 22, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name)
    return folder


def test_a_folder_is_measured_at_every_level_and_its_figures_are_reused(pictures, tmp_path):
    restorer, store = Identity(), tmp_path / "figures.jsonl"
    (pictures / "bad.png").write_text("no picture")
    measurement = Measurement(TASK, PROTOCOL, (15.0, 90.0))
    report = measure_folder(measurement, pictures, restorer, store=store)
    assert [(row["level"], row["pictures"]) for row in report["rows"]] == [(15, 2), (90, 2)]
    assert restorer.restored == 4 and restorer.hashed == 1
    assert len(report["skipped"]) == 1 and "bad.png" in report["skipped"][0]
    assert "level 90 is outside the range trained on, 5 to 75" in report["notes"]
    again = measure_folder(measurement, pictures, restorer, store=store, reuse=True)
    assert again["rows"] == report["rows"] and restorer.restored == 4


def test_a_folder_without_readable_pictures_is_an_error(tmp_path):
    with pytest.raises(WrongArgumentError, match="has no pictures"):
        measure_folder(Measurement(TASK, PROTOCOL, (15.0,)), tmp_path, None)
    (tmp_path / "bad.png").write_text("no picture")
    with pytest.raises(ValueError, match=r"none of 1 pictures could be measured; .*bad\.png"):
        measure_folder(Measurement(TASK, PROTOCOL, (15.0,)), tmp_path, None)
