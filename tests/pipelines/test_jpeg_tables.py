import io

import numpy as np
import pytest
from PIL import Image

from pipelines.jpeg_tables import libjpeg_tables


@pytest.mark.parametrize("quality", [1, 37, 50, 75, 100])
def test_tables_are_those_that_libjpeg_writes(quality):
    file = io.BytesIO()
    Image.new("RGB", (16, 16)).save(file, "JPEG", quality=quality)
    written = Image.open(file).quantization
    for place, tables in enumerate(libjpeg_tables()):
        np.testing.assert_array_equal(tables[quality - 1], written[place])
