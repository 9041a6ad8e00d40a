"""What the benchmark of an adversary's requests counts."""

import io
import os
import sys
import threading
import time
from contextlib import contextmanager

from benchmarks.bombs import COMPUTING, Sender, row_of, send


def test_row_has_the_answers_and_the_times_of_a_call_alone_and_beside_them():
    sent = []

    def bomb():
        sent.append(time.monotonic())
        time.sleep(0.001)
        return "413" if len(sent) % 2 else "400"

    def call():
        # Slow while bombs come.
        before = len(sent)
        time.sleep(0.02)
        time.sleep(0.2 if len(sent) > before else 0.0)

    @contextmanager
    def sending():
        enough = threading.Event()

        def repeat():
            while not enough.is_set():
                bomb()

        thread = threading.Thread(target=repeat)
        thread.start()
        yield
        enough.set()
        thread.join()

    name, answers, cost, alone, beside, ratio = row_of(
        "lists", bomb, call, os.getpid(), 4, sending()
    )[2:-2].split(" | ")
    assert (name, answers) == ("lists", "400, 413") and float(cost) >= 0
    assert float(beside) > float(alone) >= 20 and float(ratio) > 1
    count = len(sent)
    time.sleep(0.02)
    assert len(sent) == count


def test_bombs_are_sent_between_two_lines(monkeypatch, capsys):
    sent = []

    class Lines(io.StringIO):
        def readline(self, *size):
            line = super().readline(*size)
            while line == "\n" and len(sent) < 5:
                time.sleep(0.001)
            return line

    monkeypatch.setattr(sys, "stdin", Lines("one\n\n"))
    send({"one": lambda: sent.append(1), "two": lambda: sent.append(2)})
    assert capsys.readouterr().out.split() == ["ready", "sent", "ready"]
    assert len(sent) >= 5 and set(sent) == {1}


def test_sender_is_a_process_that_starts_and_stops():
    sender = Sender("127.0.0.1:1", "127.0.0.1:1")
    try:
        for _ in range(2):
            with sender.sending(COMPUTING):
                pass
    finally:
        sender.close()
