"""Retries of calls, with a fake clock."""

import random

import grpc
import pytest

from keras_hyper.serving.client import calls
from keras_hyper.serving.client.calls import CallError, Retries, VersionGoneError


class Failure(grpc.RpcError):
    def __init__(self, code, details=""):
        self._code, self._details = code, details

    def code(self):
        return self._code

    def details(self):
        return self._details


class Clock:
    def __init__(self):
        self.now = 0.0
        self.sleeps = []

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.sleeps.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(calls, "time", clock)
    monkeypatch.setattr(random, "uniform", lambda low, high: high)
    return clock


BUSY = Failure(grpc.StatusCode.RESOURCE_EXHAUSTED, "busy")
UNREACHABLE = Failure(grpc.StatusCode.UNAVAILABLE, "refused")


def failing(*failures, result="answer"):
    remaining = list(failures)

    def function(timeout):
        if remaining:
            raise remaining.pop(0)
        return result

    return function


def test_pause_doubles_up_to_the_maximum(clock):
    retries = Retries(60.0, pause=0.1, longest=1.0)
    assert retries.call("server", failing(*[BUSY] * 6)) == "answer"
    assert clock.sleeps == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0])


def test_pauses_are_randomly_shortened(clock, monkeypatch):
    limits = []
    monkeypatch.setattr(random, "uniform", lambda *pair: limits.append(pair) or pair[0])
    Retries(60.0, pause=0.1).call("server", failing(BUSY, BUSY))
    assert limits == [(0.5, 1.0)] * 2 and clock.sleeps == pytest.approx([0.05, 0.1])


def test_deadline_includes_retries(clock):
    timeouts = []

    def function(timeout):
        timeouts.append(timeout)
        raise BUSY

    with pytest.raises(CallError, match="server: RESOURCE_EXHAUSTED: busy"):
        Retries(1.0, pause=0.1).call("server", function)
    assert timeouts == pytest.approx([1.0, 0.9, 0.7, 0.3]) and clock.now < 1.0


def test_unreachable_server_is_given_up_sooner(clock):
    retries = Retries(60.0, first_contact=0.5, pause=0.1)
    with pytest.raises(CallError, match="UNAVAILABLE"):
        retries.call("server", failing(*[UNREACHABLE] * 100))
    assert clock.now < 0.5
    retries.call("server", failing())
    assert retries.call("server", failing(*[UNREACHABLE] * 8)) == "answer"


@pytest.mark.parametrize(
    ("code", "details", "is_repeated"),
    [
        (grpc.StatusCode.UNAVAILABLE, "", True),
        (grpc.StatusCode.ABORTED, "", True),
        (grpc.StatusCode.CANCELLED, "", True),
        (grpc.StatusCode.UNKNOWN, "Stream removed (Data frame)", True),
        (grpc.StatusCode.UNKNOWN, "", False),
        (grpc.StatusCode.FAILED_PRECONDITION, "shapes and padding is turned off", True),
        (grpc.StatusCode.FAILED_PRECONDITION, "variable missing", False),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "message larger than max", False),
        (grpc.StatusCode.INVALID_ARGUMENT, "", False),
    ],
)
def test_only_transient_errors_are_retried(clock, code, details, is_repeated):
    failure = Failure(code, details)
    if is_repeated:
        assert Retries(60.0).call("server", failing(failure)) == "answer"
    else:
        with pytest.raises(CallError):
            Retries(60.0).call("server", failing(failure))
        assert not clock.sleeps


def test_number_of_followed_version_changes_is_bounded():
    gone = VersionGoneError("server", grpc.StatusCode.NOT_FOUND, "version 1")
    attempts = []

    def function():
        attempts.append(1)
        raise gone

    with pytest.raises(VersionGoneError):
        calls.retry_on_version_change(function)
    assert len(attempts) == 4
    once = failing(gone)
    assert calls.retry_on_version_change(lambda: once(None)) == "answer"
