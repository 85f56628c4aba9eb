import time
from concurrent.futures import CancelledError

import pytest

from jaxvqa.system.threads import stoppable_threads


def test_what_is_left_is_not_waited_for():
    done = []

    def work(number, each):
        for _ in range(100):
            time.sleep(0.02)
            each()
        done.append(number)

    def leave():
        with stoppable_threads(2) as (pool, each):
            futures.extend(pool.submit(work, number, each) for number in range(20))
            time.sleep(0.1)
            raise KeyboardInterrupt

    began, futures = time.monotonic(), []
    with pytest.raises(KeyboardInterrupt):
        leave()
    assert time.monotonic() - began < 1
    assert done == []
    for future in futures:
        with pytest.raises(CancelledError):
            future.result()


def test_what_is_asked_for_is_done():
    with stoppable_threads() as (pool, each):
        assert list(pool.map(lambda number: (each(), number)[1], range(50))) == list(range(50))
