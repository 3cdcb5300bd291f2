"""The recorder queues no more finished trials than may be lost."""

from __future__ import annotations

import threading
from typing import Any

from sweeps.execution.progress import Counts
from sweeps.execution.recorder import MOST_WAITING, Recorder


class _Slow(Recorder):
    """A recorder that stores a trial only when the test allows it."""

    def __init__(self) -> None:
        self.let = threading.Semaphore(0)
        self.n_stored = 0
        super().__init__(None, None, Counts(100), say=lambda _: None)  # type: ignore[arg-type]

    def _keep(self, record: Any) -> None:
        self.let.acquire()
        self.n_stored += 1


def test_trials_wait_for_a_slow_disk_instead_of_piling_up() -> None:
    recorder = _Slow()
    given = []

    def give() -> None:
        for number in range(40):
            recorder.put(number)  # type: ignore[arg-type]
            given.append(number)

    giver = threading.Thread(target=give)
    giver.start()
    giver.join(timeout=1.0)
    # One is being stored, sixteen wait, and the giver holds the next.
    assert len(given) == 1 + MOST_WAITING
    recorder.let.release(40)
    giver.join(timeout=10.0)
    recorder.close()
    assert (len(given), recorder.n_stored) == (40, 40)
