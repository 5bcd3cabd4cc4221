"""A site served by this very process: gunicorn's settings, its parser and a worker of ours, without its arbiter.

An arbiter does nothing but look after one worker. Whoever started this process looks after it anyway: systemd or
`hallpass room` in a room, `hallpass central` at central (`appliance.processes`). So a process is saved, with
15 to 20 MB. What an arbiter would do else stands here: it opens the sockets, and says what went wrong.
"""

import os
import sys
from collections.abc import Sequence
from functools import partial

from gunicorn.app.wsgiapp import WSGIApplication
from gunicorn.errors import AppImportError
from gunicorn.sock import close_sockets, create_sockets

from appliance.web_standby import enter_standby
from appliance.web_worker import WebWorker


class WebProcess:
    """Holds a site's sockets from its first moment on, and serves when it is told to, here or in a copy of itself.

    While nobody serves, who connects waits.
    """

    def __init__(self, arguments: Sequence[str], opened: Sequence[int] = ()) -> None:
        """`arguments`: those of `appliance.web_server.gunicorn_arguments`; `opened`: its sockets, if any.

        Leaves with SystemExit 1 where one of the addresses cannot be had; gunicorn has then said which.
        """
        self._arguments = tuple(arguments)
        sys.argv[:] = ["gunicorn", *arguments]  # where gunicorn reads its settings
        self._application = WSGIApplication("%(prog)s [OPTIONS] [APP_MODULE]", prog="gunicorn")
        settings = self._application.cfg
        self._log = settings.logger_class(settings)
        self._sockets = create_sockets(settings, self._log, opened)

    def sockets(self) -> tuple[int, ...]:
        """Return the numbers of its sockets."""
        return tuple(one.sock.fileno() for one in self._sockets)

    def close(self) -> None:
        """Hold the sockets no longer, in this process."""
        close_sockets(self._sockets, unlink=False)

    def serve(self) -> None:
        """Serve until told to stop. Leaves with SystemExit 1, and says why, where that cannot be."""
        settings = self._application.cfg
        worker = WebWorker(
            1, os.getppid(), self._sockets, self._application, settings.timeout, settings, self._log
        )
        worker.pid = os.getpid()
        worker.enter_standby = partial(enter_standby, self.sockets(), self._arguments)
        try:
            worker.init_process()
        except AppImportError as problem:
            self._log.error("%s", problem)
            sys.exit(1)
        except Exception:  # noqa: BLE001 (the last frame that knows where errors are written to)
            self._log.exception("the site cannot be served any longer")
            sys.exit(1)
        finally:
            worker.tmp.close()
