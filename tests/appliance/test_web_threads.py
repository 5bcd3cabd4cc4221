"""What blocks runs in a few threads; one client gets half of them, and all of them busy for a minute are stuck."""

import threading
from functools import partial

from appliance.web_threads import run_in_thread
from tests.fakes import programs

run_under_gevent = partial(programs.run_under_gevent, "from appliance import web_threads")


def test_one_client_gets_half_of_the_threads() -> None:
    said = run_under_gevent("""
        threads, release = web_threads.WebThreads(4), threading.Event()
        greedy = [gevent.spawn(threads.call, "192.0.2.1", lambda: release.wait(60)) for _ in range(10)]
        gevent.sleep(0.2)
        other = threads.call("192.0.2.2", threading.get_ident)
        assert not any(one.ready() for one in greedy)
        release.set()
        gevent.joinall(greedy, timeout=60)
        print(other != threading.get_ident(), sum(one.value is True for one in greedy), len(threads._clients))
    """)
    assert said == "True 10 0"


def test_a_failure_is_the_callers() -> None:
    said = run_under_gevent("""
        threads = web_threads.WebThreads(2)
        try:
            threads.call("192.0.2.1", lambda: 1 // 0)
        except ZeroDivisionError as failure:
            print(failure, len(threads._clients), len(threads._began))
    """)
    assert said == "integer division or modulo by zero 0 0"


def test_threads_that_are_all_busy_with_the_same_for_too_long_are_stuck() -> None:
    said = run_under_gevent("""
        web_threads.STUCK_SECONDS = 0.2
        threads, release = web_threads.WebThreads(2), threading.Event()
        calls = [gevent.spawn(threads.call, f"192.0.2.{n}", lambda: release.wait(60)) for n in range(2)]
        gevent.sleep(0.05)
        before = threads.is_stuck()
        gevent.sleep(0.5)
        stuck = threads.is_stuck()
        release.set()
        gevent.joinall(calls, timeout=60)
        print(before, stuck, threads.is_stuck())
    """)
    assert said == "False True False"


def test_what_a_stream_looks_up_runs_in_another_thread_under_an_event_loop_and_here_elsewhere() -> None:
    assert run_in_thread(threading.get_ident) == threading.get_ident()
    said = run_under_gevent("""
        gevent.get_hub()
        print(web_threads.run_in_thread(threading.get_ident) != threading.get_ident())
    """)
    assert said == "True"
