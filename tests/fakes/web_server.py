"""`python -m tests.fakes.web_server`: a server that is told what `gunicorn_arguments` returned."""

import sys

from appliance.web_server import run_server
from appliance.web_standby import take_awakened

if __name__ == "__main__":
    awakened = take_awakened()
    if awakened is not None:
        run_server(awakened.arguments, awakened.sockets)
    else:
        run_server(sys.argv[1:])
