from dataclasses import replace
from pathlib import Path

from keras_hyper.restoration import report
from keras_hyper.restoration.folder import RestoredFile
from keras_hyper.restoration.level import AUTO, UsedLevel
from keras_hyper.restoration.pairs import Listing

A, B, C, D, E = (Path(name) for name in "abcde")
OUT = Path("out")
NOISE = ("photo", UsedLevel(7.0, "network"))
JPEG = ("dejpeg", UsedLevel(90.0, "tables", needed=False))
DONE = {A: RestoredFile(((JPEG, NOISE),), ("the profile was lost",)), B: RestoredFile(((JPEG,),))}
LISTING = Listing([(path, OUT / path) for path in (A, B, C, D)], {E: "no picture"})


def test_every_file_has_one_row():
    rows = report.rows_of(LISTING, DONE, {C: ValueError("damaged")})
    assert [(row["file"], row["status"]) for row in rows] == [
        ("a", "restored"), ("b", "unchanged"), ("c", "refused"), ("d", "existed"), ("e", "skipped"),
    ]  # fmt: skip
    assert rows[0]["levels"] == [{"task": "photo", "level": 7.0, "source": "network"}]
    assert rows[0]["changed"] == ["the profile was lost"] and rows[0]["out"] == "out/a"
    assert rows[2]["reason"] == "c: damaged" and rows[4]["reason"] == "no picture"
    assert report.summary(rows, "restored in 1.0 s", OUT) == (
        "1 of 4 restored in 1.0 s: out; 1 unchanged; 1 existed; 1 refused; 1 skipped (1 no picture)"
    )


def test_a_given_level_is_a_row_and_no_line():
    given = {A: RestoredFile(((("denoise", UsedLevel(25.0)),),))}
    (row, *_) = report.rows_of(LISTING, given, {})
    assert row["levels"] == [{"task": "denoise", "level": 25.0, "source": "given"}]
    assert list(report.changes(given, "denoise", 25.0, False)) == []


def test_estimated_levels_are_said_and_explained():
    a, b = report.changes(DONE, None, AUTO, explain=False)
    assert a == "a: photo at level 7 (from the network); the profile was lost"
    assert b == "b: unchanged"
    (line, _) = report.changes(
        {**DONE, A: RestoredFile(((JPEG, NOISE),))}, None, AUTO, explain=True
    )
    assert line.startswith("a: photo at level 7 (from the network) [") and line.count("; ") == 1
    not_found = {A: RestoredFile(((("photo", None),),))}
    (line,) = report.changes(not_found, "photo", AUTO, explain=True)
    assert line == "a: unchanged [camera noise not found]"


def test_pages_have_their_own_levels():
    done = {A: RestoredFile(((JPEG,), (JPEG, NOISE))), B: RestoredFile(((JPEG,), (JPEG,)))}
    a, b, *_ = report.rows_of(LISTING, done, {})
    assert a["levels"] == [{"page": 2, "task": "photo", "level": 7.0, "source": "network"}]
    assert (a["status"], b["status"]) == ("restored", "unchanged")
    assert list(report.changes(done, None, AUTO, explain=False)) == [
        "a: page 1: unchanged, page 2: photo at level 7 (from the network)",
        "b: unchanged",
    ]


def test_the_order_is_that_of_the_names():
    rows = report.rows_of(replace(LISTING, pairs=LISTING.pairs[::-1]), {}, {})
    assert [row["file"] for row in rows] == list("abcde")
