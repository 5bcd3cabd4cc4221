"""A signal blocks the greenlet that waits where an event loop runs, the thread that waits elsewhere."""

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from appliance.signal import Signal
from tests.fakes import programs

run_under_gevent = partial(programs.run_under_gevent, "from appliance.signal import Signal\ngevent.get_hub()")

PATIENCE_SECONDS = 20.0


def test_a_signal_set_before_is_found_set_once() -> None:
    signal = Signal()
    signal.set()
    signal.set()
    assert signal.wait(PATIENCE_SECONDS)
    assert not signal.wait(0)


def test_a_signal_that_nobody_sets_ends_with_its_timeout() -> None:
    signal = Signal()
    before = time.monotonic()
    assert not signal.wait(0.2)
    assert time.monotonic() - before >= 0.15
    assert not signal.wait(-1)


def test_a_thread_that_waits_is_woken_by_another() -> None:
    signal = Signal()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(signal.wait, PATIENCE_SECONDS)
        signal.set()
        assert waiting.result(PATIENCE_SECONDS)


def test_what_is_set_after_a_timeout_is_kept_for_the_next_wait() -> None:
    signal = Signal()
    assert not signal.wait(0.01)
    signal.set()
    assert signal.wait(0)


def test_a_second_one_who_waits_is_refused() -> None:
    signal = Signal()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(signal.wait, PATIENCE_SECONDS)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                signal.wait(0)
            except RuntimeError:
                break
        else:
            pytest.fail("two wait for one signal")
        signal.set()
        assert waiting.result(PATIENCE_SECONDS)


def test_no_set_is_lost_between_many_waits() -> None:
    there, back = Signal(), Signal()

    def answer() -> int:
        for count in range(20_000):
            if not there.wait(PATIENCE_SECONDS):
                return count
            back.set()
        return 20_000

    with ThreadPoolExecutor(1) as pool:
        answers = pool.submit(answer)
        for _ in range(20_000):
            there.set()
            assert back.wait(PATIENCE_SECONDS)
        assert answers.result(PATIENCE_SECONDS) == 20_000


def test_two_thousand_greenlets_wait_in_one_thread_and_another_thread_wakes_them_all() -> None:
    said = run_under_gevent("""
        signals = [Signal() for _ in range(2000)]
        waiting = [gevent.spawn(signal.wait, 60) for signal in signals]
        gevent.sleep(0)
        threads = threading.active_count()
        threading.Thread(target=lambda: [signal.set() for signal in signals]).start()
        gevent.joinall(waiting, timeout=60)
        print(threads, sum(greenlet.value is True for greenlet in waiting))
    """)
    assert said == "1 2000"


def test_a_greenlet_that_waits_stops_no_other() -> None:
    said = run_under_gevent("""
        signal, ticks = Signal(), []

        def tick():
            for _ in range(20):
                ticks.append(time.monotonic())
                gevent.sleep(0.01)
            signal.set()

        gevent.spawn(tick)
        print(signal.wait(60), len(ticks), signal.wait(0.05), signal.wait(0))
    """)
    assert said == "True 20 False False"


def test_greenlets_and_native_threads_answer_each_other() -> None:
    said = run_under_gevent("""
        there, back = Signal(), Signal()

        def answer():
            for _ in range(5000):
                assert there.wait(60)
                back.set()

        thread = threading.Thread(target=answer)
        thread.start()
        for _ in range(5000):
            there.set()
            assert back.wait(60)
        thread.join()
        print("told", there.wait(0), back.wait(0))
    """)
    assert said == "told False False"


def test_a_greenlet_killed_while_it_waits_leaves_the_signal_to_the_next() -> None:
    said = run_under_gevent("""
        signal = Signal()
        first = gevent.spawn(signal.wait, 60)
        gevent.sleep(0)
        first.kill()
        second = gevent.spawn(signal.wait, 60)
        gevent.sleep(0)
        threading.Thread(target=signal.set).start()
        print(second.get(timeout=60))
    """)
    assert said == "True"


def test_a_native_thread_of_gevents_pool_waits_as_a_thread_does() -> None:
    said = run_under_gevent("""
        signal = Signal()
        waiting = gevent.get_hub().threadpool.spawn(signal.wait, 60)
        gevent.sleep(0.05)
        signal.set()
        print(waiting.get(timeout=60))
    """)
    assert said == "True"
