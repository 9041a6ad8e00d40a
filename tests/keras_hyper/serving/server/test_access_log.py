import json
from types import SimpleNamespace

import pytest

from keras_hyper.serving.server.access_log import AccessLog, request_id


@pytest.mark.parametrize("given", ["", "a\nb", "ä", "x" * 129])
def test_ids_that_do_not_fit_are_replaced(given):
    new = request_id(given)
    assert len(new) == 32 and new != request_id(given)


def test_ids_of_clients_stay():
    assert request_id("job-7/part 2") == "job-7/part 2"


def test_lines_are_json_and_follow_a_rotation(tmp_path):
    log = AccessLog(tmp_path / "log")
    call = SimpleNamespace(
        id="a", entrypoint="GRPC", model='no "model"\n', version=1, signature="serving_default",
        units=6, code="OK", elapsed=0.25,
    )  # fmt: skip
    log.write(call)
    (tmp_path / "log").rename(tmp_path / "log.1")
    log.write(call)
    log.close()
    for name in ("log", "log.1"):
        (line,) = (tmp_path / name).read_text().splitlines()
        row = json.loads(line)
        assert row.pop("time").startswith("20")
        assert row == {
            "id": "a", "entrypoint": "GRPC", "model": 'no "model"\n', "version": 1,
            "signature": "serving_default", "pixels": 6, "code": "OK", "seconds": 0.25,
        }  # fmt: skip
