"""Renders a page once for all its open copies: ten tabs that look again after one change cost what one costs.

What a page fetches by itself depends on its address, on the browser's cookies and language, and on what is so in
the room: copies for which all of that is the same share a rendering that began after the newest change that pages
were told of (`webui.room.change_feed`), for two seconds at most. Whether somebody may see the page is asked for
each copy, before this. Where no page listens to changes nobody knows of any, and nothing is shared; nor is a page
that a person asked for.
"""

import threading
import time
from collections.abc import Callable, Hashable
from functools import wraps
from typing import ParamSpec

import msgspec
from flask import Flask, current_app, request

from webui.shared.sessions import is_background

P = ParamSpec("P")

MAX_AGE_SECONDS = 2.0
_PATIENCE_SECONDS = 5.0  # for who renders
_EXTENSION = "refresh-cache"


class _Rendering(msgspec.Struct):
    changes: int
    begun: float
    is_over: threading.Event
    page: str | None = None  # None: not yet, or it failed


class RefreshCache:
    """The newest renderings of a site's pages."""

    def __init__(self, changes: Callable[[], int | None], now: Callable[[], float] = time.monotonic) -> None:
        """Let `changes` return how many changes pages were told of, or None where nobody would hear of any."""
        self._changes = changes
        self._now = now
        self._lock = threading.Lock()
        self._kept: dict[Hashable, _Rendering] = {}

    def fetch(self, key: Hashable, render: Callable[[], str]) -> str:
        """Return the page of a key: rendered here, or what somebody renders just now, or has rendered since."""
        changes = self._changes()
        if changes is None:
            return render()
        rendering, is_ours = self._find(key, changes)
        if is_ours:
            try:
                rendering.page = render()
            finally:
                rendering.is_over.set()
        else:
            rendering.is_over.wait(_PATIENCE_SECONDS)
        return render() if rendering.page is None else rendering.page

    def _find(self, key: Hashable, changes: int) -> tuple[_Rendering, bool]:
        """Return a rendering of this key, and whether it was begun here."""
        now = self._now()
        with self._lock:
            for other in [
                other for other, one in self._kept.items()
                if one.changes != changes or now - one.begun > MAX_AGE_SECONDS
            ]:  # fmt: skip
                del self._kept[other]
            is_ours = key not in self._kept
            if is_ours:
                self._kept[key] = _Rendering(changes, now, threading.Event())
            return self._kept[key], is_ours


def install_refresh_cache(app: Flask, changes: Callable[[], int | None]) -> None:
    """Give an application what `rendered_once` needs."""
    app.extensions[_EXTENSION] = RefreshCache(changes)


def rendered_once(view: Callable[P, str]) -> Callable[P, str]:
    """Let the open copies of a page share what a view renders for them. Stands below what asks for a right."""

    @wraps(view)
    def render(*args: P.args, **kwargs: P.kwargs) -> str:
        cache: RefreshCache = current_app.extensions[_EXTENSION]
        if not is_background(request):
            return view(*args, **kwargs)
        said = request.headers
        key = (request.url, said.get("Cookie"), said.get("Accept-Language"))
        return cache.fetch(key, lambda: view(*args, **kwargs))

    return render
