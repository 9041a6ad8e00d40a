"""What the benchmark of an adversary's requests counts."""

import os
import time

from benchmarks.bombs import row_of


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

    name, answers, cost, alone, beside, ratio = row_of("lists", bomb, call, os.getpid(), 4)[
        2:-2
    ].split(" | ")
    assert (name, answers) == ("lists", "400, 413") and float(cost) >= 0
    assert float(beside) > float(alone) >= 20 and float(ratio) > 1
    count = len(sent)
    time.sleep(0.02)
    assert len(sent) == count
