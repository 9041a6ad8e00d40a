from pathlib import Path

import pytest

from keras_hyper.errors import WrongArgumentError, checked, error_text


def test_value_error_becomes_a_wrong_argument():
    assert checked(lambda: 3) == 3
    with pytest.raises(WrongArgumentError, match="invalid literal"):
        checked(lambda: int("x"))
    with pytest.raises(OSError, match="nowhere"):
        checked(Path("nowhere").read_text)


def test_error_is_one_line_that_names_its_file_once():
    assert error_text(ValueError("two\n  lines"), "in/a.png") == "in/a.png: two lines"
    assert error_text(ValueError("in/a.png: damaged"), "in/a.png") == "in/a.png: damaged"
    assert error_text(MemoryError()) == "MemoryError"
