"""A thread of central's does its work again and again, and ends when it is told to."""

import threading

from appliance.central.periodic_thread import PeriodicThread


def test_the_work_is_done_again_and_again_until_it_is_stopped() -> None:
    done, often = [], threading.Event()

    def work() -> None:
        done.append(threading.current_thread().name)
        if len(done) == 3:
            often.set()

    thread = PeriodicThread("chores", work, every_seconds=0.01, stop_seconds=30)
    thread.start()
    assert often.wait(30)
    thread.stop()
    count = len(done)

    assert set(done) == {"chores"}
    assert "chores" not in [one.name for one in threading.enumerate()]
    assert len(done) == count


def test_one_that_never_began_is_stopped_without_a_word() -> None:
    PeriodicThread("chores", lambda: None, every_seconds=1).stop()
