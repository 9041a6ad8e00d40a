import numpy as np
from PIL import Image

from benchmarks.paper import jpeg_grid


def test_recompression_on_its_own_grid_loses_less(tmp_path, rng, capsys):
    gray = rng.integers(0, 256, (83, 99), dtype=np.uint8)
    Image.fromarray(gray).save(tmp_path / "a.jpg", quality=95)
    jpeg_grid.run([tmp_path])
    on, off = (
        [float(word) for word in line.split("│")[2:-1]]
        for line in capsys.readouterr().out.splitlines()
        if "skipped" in line
    )
    assert len(on) == len(jpeg_grid.QUALITIES) and on[-1] > off[-1] + 3
