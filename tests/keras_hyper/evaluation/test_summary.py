import pytest

from keras_hyper.evaluation import level_rows, mean_row


def picture(level, before, after):
    return {"set": "S", "picture": "a", "level": level, "psnr_before": before,
            "psnr_after": after, "seconds": 0.5}  # fmt: skip


def test_rows_are_means_over_the_pictures_and_ascend():
    rows = level_rows([picture(50.0, 10.0, 20.0), picture(5.0, 30.0, 31.0),
                       picture(50.0, 12.0, 26.0)])  # fmt: skip
    assert [row["level"] for row in rows] == [5.0, 50.0]
    assert rows[1] == {
        "set": "S", "level": 50.0, "pictures": 2, "psnr_before": 11.0, "psnr_after": 23.0,
        "psnr_gain": 12.0, "seconds_per_picture": 0.5,
    }  # fmt: skip


def test_the_mean_is_that_of_the_columns_not_of_the_pictures():
    rows = level_rows([picture(5.0, 30.0, 31.0), picture(50.0, 10.0, 20.0),
                       picture(50.0, 12.0, 26.0)])  # fmt: skip
    assert mean_row(rows)["psnr_before"] == pytest.approx((30 + 11) / 2)


def test_degraded_pictures_alone_have_no_gain():
    rows = level_rows([{"set": "S", "picture": "a", "level": 5.0, "psnr_before": 30.0}])
    assert rows == [{"set": "S", "level": 5.0, "pictures": 1, "psnr_before": 30.0}]
