import argparse

import pytest

from keras_hyper.numbers import (
    at_least_one,
    below_one,
    not_negative,
    one_or_more,
    positive,
    shard,
    share,
    whole,
    with_axes_joined,
)


@pytest.mark.parametrize(
    ("parse", "word", "value"),
    [
        (positive, "2.5", 2.5),
        (below_one, "0.5", 0.5),
        (not_negative, "0", 0.0),
        (share, "1", 1.0),
        (whole(2), "2", 2),
        (whole(0, 150), "150", 150),
        (one_or_more, "4", 4),
        (one_or_more, "2,4", [2, 4]),
        (shard, "0/1", (0, 1)),
        (shard, "9/12", (9, 12)),
        (at_least_one, "1.5", 1.5),
        (whole(-1, 9), "-1", -1),
    ],
)
def test_numbers_are_read(parse, word, value):
    assert parse(word) == value


@pytest.mark.parametrize(
    ("parse", "word", "text"),
    [
        (positive, "0", "expected a number above 0, got '0'"),
        (positive, "inf", "expected a number above 0, got 'inf'"),
        (positive, "x", "expected a number above 0, got 'x'"),
        (below_one, "1", "expected a factor above 0 and below 1, got '1'"),
        (not_negative, "-1", "expected a number of 0 or more, got '-1'"),
        (share, "1.1", "expected a number from 0 to 1, got '1.1'"),
        (share, "nan", "expected a number from 0 to 1, got 'nan'"),
        (whole(2), "1", "expected a whole number of at least 2, got '1'"),
        (whole(2), "2.0", "expected a whole number of at least 2, got '2.0'"),
        (whole(0, 150), "151", "expected a whole number from 0 to 150, got '151'"),
        (one_or_more, "2,0", "expected a whole number of at least 1, got '0'"),
        (at_least_one, "0.9", "expected a number of 1 or more, got '0.9'"),
        (whole(-1, 9), "-2", "expected a whole number from -1 to 9, got '-2'"),
        (whole(-1, 9), "--1", "expected a whole number from -1 to 9, got '--1'"),
        (shard, "3/3", "expected I/N with I from 0 to N-1, got '3/3'"),
        (shard, "-1/3", "expected I/N with I from 0 to N-1, got '-1/3'"),
        (shard, "3", "expected I/N with I from 0 to N-1, got '3'"),
    ],
)
def test_other_words_are_errors(parse, word, text):
    with pytest.raises(argparse.ArgumentTypeError) as error:
        parse(word)
    assert str(error.value) == text


def test_the_axes_of_a_level_become_one_word():
    argv = ["restore", "--level", "noise=15", "jpeg=40", "a=b.png", "OUT"]
    joined = ["restore", "--level", "noise=15 jpeg=40", "a=b.png", "OUT"]
    assert with_axes_joined(argv) == joined
    assert with_axes_joined(["--level", "a=1", "b=-1e-3"]) == ["--level", "a=1 b=-1e-3"]
    assert with_axes_joined(["--level", "15", "noise=1"]) == ["--level", "15", "noise=1"]
    assert with_axes_joined(["--level", "noise=1", "a.png"]) == ["--level", "noise=1", "a.png"]
