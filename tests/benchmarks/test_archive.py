"""What the benchmark of archives counts."""

import json
import shutil

import pytest

from benchmarks.archive import BAD, hashes, make_pictures, row_of
from keras_hyper.restoration.pairs import RECORD


def test_row_counts_wrong_missing_and_other_files_and_needs_each_bad_file(tmp_path):
    make_pictures(tmp_path / "in", 4, 8)
    shutil.copytree(tmp_path / "in", tmp_path / "out", ignore=shutil.ignore_patterns("bad*"))
    (tmp_path / "out" / RECORD).touch()
    reference = hashes(tmp_path / "out")
    assert sorted(reference) == [f"{index}/{index}.png" for index in range(4)]
    report = tmp_path / "reports" / "out" / "0.json"
    report.parent.mkdir(parents=True)
    rows = [{"file": f"in/bad{index}.png", "status": "refused"} for index in range(BAD)]
    report.write_text(json.dumps([*rows, {"file": "in/0/0.png", "status": "restored"}]))
    assert row_of(tmp_path, "out", reference) == f"4 of 4 | 0 |  | {BAD}"
    (tmp_path / "out" / "0" / "0.png").write_bytes(b"half")
    (tmp_path / "out" / "1" / "1.png").rename(tmp_path / "out" / ".half.partial")
    assert row_of(tmp_path, "out", reference) == f"2 of 4 | 1 |  | {BAD}"
    report.write_text(json.dumps([*rows, rows[0]]))
    with pytest.raises(RuntimeError, match="each bad file once in the reports, got .*bad0.png'"):
        row_of(tmp_path, "out", reference)
