"""An answer that goes on: what is left of a connection once a stream has begun on it.

A room's feed stands for weeks and central holds thousands of them, so what was asked, who parsed it and the frames
and buffers of that are gone by then (`appliance.web_connection` has returned from all of it).
"""

import logging
from collections.abc import Iterator
from typing import Any, Protocol

import gevent
import gevent.socket

_EV_READ = 1  # libev

_log = logging.getLogger("gunicorn.error")  # the server's own


class ClientGone(Exception):
    """A connection that nothing more can be said on."""


class Lines(Protocol):
    """What the application yields; it waits with `appliance.signal.Signal`."""

    def __iter__(self) -> Iterator[bytes]:
        """Return what is sent, line by line."""

    def close(self) -> None:
        """Let the application clean up."""


class WebStream:
    """The lines of one client."""

    def __init__(self, lines: Lines, response: Any) -> None:
        """`response`: gunicorn's, of which nothing has been sent."""
        self._lines = lines
        self._response = response
        response.force_close()

    @property
    def request(self) -> Any:
        """What was asked, as long as nothing has been sent."""
        return self._response.req

    def send_lines(self, connected: gevent.socket.socket) -> None:
        """Send each line as soon as it is there, until they or the client end. Raises OSError and ClientGone.

        A client has nothing more to say on this connection: whatever can be read is its farewell.
        """
        farewell = gevent.get_hub().loop.io(connected.fileno(), _EV_READ)
        farewell.start(_break_off, farewell, gevent.getcurrent())
        response = self._response
        try:
            for line in self._lines:
                response.write(line)
                response.headers = response.req = None  # only the beginning of an answer needs them
            response.close()
        except Exception:
            if response.headers_sent:  # a second status would be read as a part of the first answer
                _log.debug("a stream was broken off", exc_info=True)
                raise ClientGone from None
            raise
        finally:
            farewell.stop()
            farewell.close()
            self._lines.close()


def _break_off(farewell: Any, stream: gevent.Greenlet) -> None:
    farewell.stop()
    stream.kill(ClientGone, block=False)
