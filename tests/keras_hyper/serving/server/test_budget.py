import grpc
import pytest

from keras_hyper.serving.server.budget import Budget
from keras_hyper.serving.server.errors import ServingError
from keras_hyper.serving.server.version import Hold


def test_what_is_taken_is_there_again_when_the_hold_is_given_back():
    budget, left = Budget(10), []
    first, second = (Hold(1, None, lambda: left.append(1)) for _ in range(2))
    budget.take(first, 6)
    with pytest.raises(ServingError, match="try again later") as caught:
        budget.take(second, 5)
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE
    first.release()
    first.release()
    budget.take(second, 10)
    second.release()
    # A caller who went while the request was still being read leaves nothing taken.
    budget.take(second, 10)
    budget.take(Hold(1, None, lambda: None), 10)
    assert left == [1, 1]
