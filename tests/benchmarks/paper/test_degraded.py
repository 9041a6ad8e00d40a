"""Degraded pictures have the figures of a correct pipeline and metric.

A part of the sets and levels; ``python -m benchmarks.paper.degraded`` compares them all.
"""

import json
from dataclasses import replace

import pytest

from benchmarks.paper.degraded import compare, compare_all, readings
from pipelines import TASKS
from pipelines.images import find_pictures

ALL = list(readings())
# Figures are of whole sets: PSNR and SSIM of the degraded pictures, each protocol at one level.
PROTOCOLS = [row for task in TASKS.values() for row in task.protocols]
HERE = [reading for reading in ALL if reading.protocol in PROTOCOLS]
LEVEL = {"denoise": "25", "dejpeg": "10", "super_resolution_Set5": "3"}


@pytest.mark.parametrize(
    "reading", HERE, ids=lambda reading: f"{'-'.join(reading.place)}-{reading.protocol.name}"
)
def test_degraded_pictures_have_the_known_figures(shared, reading):
    folder = shared / "data" / "test" / reading.pictures
    if not folder.is_dir():
        pytest.skip(f"the pictures of {reading.pictures} are not here")
    known = json.loads((shared / "facts" / "degraded_psnr.json").read_text())
    rows = known[reading.place[0]][reading.place[1]]
    planes = ("picture", reading.protocol.psnr_on)
    figures = {name: how for name, how in reading.figures.items() if how[1] in planes}
    few = replace(reading, figures=figures)
    found = list(compare(few, rows, find_pictures(folder), [LEVEL[reading.place[0]]]))
    assert found, "no figure is known of this reading"
    for level, name, ours, theirs, tolerance in found:
        assert ours == pytest.approx(theirs, abs=tolerance), (level, name)


def test_deviations_are_counted_and_missing_sets_reported(tmp_path):
    known = {key: dict.fromkeys([reading.place[1] for reading in ALL], {})
             for key in ("denoise", "dejpeg", "super_resolution_Set5")}  # fmt: skip
    said = []
    assert compare_all(known, tmp_path, said.append) == (0, 0)
    assert all("no pictures at" in line for line in said) and len(said) == len(ALL)
