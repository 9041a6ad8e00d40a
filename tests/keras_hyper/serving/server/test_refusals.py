"""How long the refusals of large messages wait."""

import asyncio
import time

import grpc
import pytest

from keras_hyper.serving.server.refusals import SMALL, Refusals

INVALID = grpc.StatusCode.INVALID_ARGUMENT
MIB = 1 << 20


@pytest.fixture
def refusals():
    """Refusals whose clock is `refusals.now`."""
    found = Refusals(3, lambda: found.now)
    found.now = 100.0
    return found


def test_large_refusals_keep_to_a_rate_and_the_first_is_at_once(refusals):
    assert [refusals.delay(INVALID, 64 * MIB, None) for _ in range(4)] == [0, 1, 2, 3]
    refusals.now += 3.5
    assert refusals.delay(INVALID, 64 * MIB, None) == 0.5
    refusals.now += 60
    assert refusals.delay(INVALID, 64 * MIB, None) == 0


def test_refusals_wait_at_most_ten_seconds_and_half_of_the_deadline(refusals):
    delays = [refusals.delay(INVALID, 256 * MIB, None) for _ in range(9)]
    assert delays == [0, 4, 8, *[10] * 6]
    assert refusals.delay(INVALID, 256 * MIB, 1.5) == 0.75


@pytest.mark.parametrize(
    ("code", "size"),
    [
        (INVALID, SMALL),
        (grpc.StatusCode.UNAVAILABLE, 64 * MIB),
        (grpc.StatusCode.DEADLINE_EXCEEDED, 64 * MIB),
    ],
)
def test_small_messages_and_full_servers_are_never_delayed_and_delay_none(refusals, code, size):
    refusals.delay(INVALID, 64 * MIB, None)
    assert refusals.delay(code, size, None) == 0
    assert refusals.delay(INVALID, 64 * MIB, None) == 1


def test_few_refusals_wait_and_the_end_sends_them():
    async def waits():
        refusals = Refusals(2)
        await refusals.wait(INVALID, 640 * MIB, None)
        waiting = [asyncio.ensure_future(refusals.wait(INVALID, 640 * MIB, None)) for _ in range(2)]
        await asyncio.sleep(0.05)
        await refusals.wait(INVALID, 640 * MIB, None)  # beyond the most that wait
        assert not any(one.done() for one in waiting)
        refusals.end()
        await asyncio.gather(*waiting)
        await refusals.wait(INVALID, 640 * MIB, None)

    start = time.monotonic()
    asyncio.run(waits())
    assert time.monotonic() - start < 9  # each would wait 10 s


def test_refusals_that_waited_let_others_wait():
    async def waits():
        refusals = Refusals(1)
        for _ in range(3):
            await refusals.wait(INVALID, 8 * MIB, None)

    start = time.monotonic()
    asyncio.run(waits())
    assert time.monotonic() - start >= 0.24
