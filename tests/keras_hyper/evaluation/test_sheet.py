import numpy as np
import pytest
from PIL import Image

from keras_hyper.evaluation.sheet import SIDE, write_sheet
from keras_hyper.export.saved_model import export_saved_model
from keras_hyper.restoration.preview import EDGE
from pipelines import SAMPLE_PICTURES, TASKS
from tests.conftest import random_network


def test_sheet_has_three_pictures_per_level_and_returns_their_psnr(tmp_path):
    version = export_saved_model(random_network(channels=1, task="dejpeg"), tmp_path / "model")
    out = tmp_path / "new" / "sheet.png"
    picture = SAMPLE_PICTURES / "camera.png"
    (ten, *at_ten), (eighty, *at_eighty) = write_sheet(
        version, picture, TASKS["dejpeg"], (10, 80), out
    )
    assert (ten, eighty) == (10, 80) and 20 < at_ten[0] < at_eighty[0] < 50
    with Image.open(out) as sheet:
        assert sheet.size == (3 * SIDE, 2 * (SIDE + EDGE))
        pixels = np.asarray(sheet)
    degraded, clean = (pixels[EDGE : EDGE + SIDE, left : left + SIDE] for left in (0, 2 * SIDE))
    assert clean.std() > 20 and 1 < np.abs(clean.astype(int) - degraded).mean() < 20


def test_a_missing_version_is_an_error(tmp_path):
    with pytest.raises((OSError, ValueError), match="1"):
        picture = SAMPLE_PICTURES / "camera.png"
        write_sheet(tmp_path / "1", picture, TASKS["denoise"], (25,), tmp_path / "o.png")
