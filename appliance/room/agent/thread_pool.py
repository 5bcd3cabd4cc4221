"""Leaves what waits for the disk to a thread, so that the agent's event loop goes on meanwhile."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

# Looks that come due at the same moment: in one thread they follow one another. In several, each call of the
# system hands the interpreter to another thread and back, which was most of what woke an agent at rest.
_turns = ThreadPoolExecutor(max_workers=1, thread_name_prefix="in-turn")


async def run_blocking(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do something in one of a few threads (the loop's own pool), and return what it returns.

    A thread cannot be interrupted: who is cancelled meanwhile waits until it is done, so that nothing is written
    behind the back of whoever comes next.
    """
    return await _finish(asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs)))


async def run_in_turn(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do something short that comes again every few seconds, after the others of its kind: as `run_blocking`."""
    loop = asyncio.get_running_loop()
    return await _finish(loop.run_in_executor(_turns, partial(work, *args, **kwargs)))


async def _finish(task: asyncio.Future[T]) -> T:
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # seen: nobody is left to be told
        raise
