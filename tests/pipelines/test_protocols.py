import numpy as np
import pytest

from benchmarks.paper.published import PAPER
from pipelines import TASKS, get_protocol


@pytest.fixture
def clean(photo):
    return np.rint(photo[:48, :60] * 255) / np.float32(255)


def whole(picture):
    return np.allclose(picture * 255, np.rint(picture * 255), atol=1e-3)


@pytest.mark.parametrize(
    ("task", "protocol"),
    [(task, row) for task in TASKS.values() for row in task.protocols],
    ids=lambda row: row.name,
)
def test_every_row_degrades_and_describes_what_it_does(task, protocol, clean):
    level = task.levels[0]
    picture = clean[..., :1] if protocol.channels == 1 else clean
    before = picture.copy()
    degraded = protocol.degrade(picture, level, (1, 2))
    assert degraded.shape == picture.shape and degraded.dtype == np.float32
    np.testing.assert_array_equal(picture, before)
    assert 0.0005 < np.abs(degraded - picture).mean() < 0.2
    assert protocol.text.startswith(protocol.name) and "PSNR" in protocol.text
    assert set(protocol.levels) <= set(task.all_levels) and len(protocol.levels) >= 5


def test_noise_is_clipped_and_floored_as_the_protocol_says(clean):
    degrade = {name: get_protocol(TASKS["denoise"], name).degrade for name in
               ("paper", "clipped", "literature")}  # fmt: skip
    paper, clipped, free = (one(clean, 50.0, (1, 2)) for one in degrade.values())
    assert whole(paper) and not whole(clipped)
    assert free.min() < 0 and free.max() > 1
    np.testing.assert_array_equal(np.clip(free, 0, 1), clipped)
    np.testing.assert_allclose(np.floor(clipped * 255 + 1e-4), paper * 255, atol=1.001)
    assert np.std(free - clean) * 255 == pytest.approx(50, rel=0.03)


def test_default_protocol_is_first_and_unknown_names_are_refused():
    names = [row.name for row in TASKS["dejpeg"].protocols]
    assert names == ["paper", "colour", "literature"]
    assert get_protocol(TASKS["sr"]).name == "paper"
    with pytest.raises(ValueError, match="No protocol 'papers' of sr. Choose one of: paper, "):
        get_protocol(TASKS["sr"], "papers")


def test_protocols_with_whole_levels_refuse_fractions():
    get_protocol(TASKS["sr"], "paper").check_level(2.5)
    with pytest.raises(ValueError, match="protocol literature: expected a whole level, got 2.5"):
        get_protocol(TASKS["sr"], "literature").check_level(2.5)


@pytest.mark.parametrize(
    ("task", "name", "channels", "multiple", "even_last", "planes", "border"),
    [
        ("denoise", "paper", None, 2, False, ("picture", "picture"), 0),
        ("denoise", "clipped", None, 2, False, ("picture", "picture"), 0),
        ("denoise", "literature", None, 1, False, ("picture", "picture"), 0),
        ("dejpeg", "paper", 1, 2, False, ("picture", "picture"), 0),
        ("dejpeg", "colour", 3, 1, False, ("picture", "picture"), 0),
        ("dejpeg", "literature", 1, 1, False, ("picture", "picture"), 0),
        ("sr", "paper", 3, 1, True, ("luma", "picture"), 0),
        ("sr", "registered", 3, 3, True, ("luma", "picture"), 0),
        ("sr", "literature", 3, 3, False, ("exact luma", "exact luma"), 3),
    ],
)
def test_crops_and_planes_are_those_that_the_text_states(
    task, name, channels, multiple, even_last, planes, border
):
    protocol = get_protocol(TASKS[task], name)
    assert (protocol.channels, protocol.multiple(3.0)) == (channels, multiple)
    assert (protocol.even_last, protocol.border(3.0)) == (even_last, border)
    assert (protocol.psnr_on, protocol.ssim_on) == planes
    whole_levels = task == "dejpeg" or (task == "sr" and name != "paper")
    assert protocol.whole_levels == whole_levels
    assert ("no crop" in protocol.text) == (multiple == 1 and not even_last)
    assert ("even sides" in protocol.text) == (even_last or multiple == 2)
    limited = (task, name) == ("dejpeg", "literature")
    assert protocol.gray == ("limited" if limited else "full")
    assert ("Y of BT.601" in protocol.text) == limited


def test_levels_are_the_columns_of_the_papers_tables():
    for task, table in PAPER.items():
        assert TASKS[task].protocols[0].levels == table.levels
