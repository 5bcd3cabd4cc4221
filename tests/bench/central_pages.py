"""Central's pages in a school that has gone on for years: the server's time for each, in its own application.

    python -m tests.bench.central_pages [--database postgresql] [--scale 1.0] [--trust]

A hundred rooms, 10,000 requests (300 of them waiting), 100,000 entries of the audit, 5,000 incidents, 5,000
openings that are over and 100 that are not, 1,000 reports of sites, 1,000 rules, 2,000 devices, 500 accounts, two
weeks of figures. Every page that `tests.webui.every_page` finds, and searches in those that have one: milliseconds
by the clock and of processor time, each the best of three, the slowest first; the bar is 200 ms. What PostgreSQL
works is in the former alone.
"""

import argparse
import contextlib
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from flask import Flask

from tests.bench.school_years import SCHOOL, TRUST, write_years
from tests.fakes.furnished import FurnishedSchool
from tests.fakes.postgres import database_url
from tests.webui.every_page import PageVisit, list_pages, sign_in
from webui.central.app import create_central_app

BAR_MS = 200.0
_SEARCHES: tuple[tuple[str, Any], ...] = (
    ("/requests?q=romans", "coordinator"),
    ("/requests?q=nowhere-in-it", "coordinator"),
    ("/requests?page=12", "coordinator"),
    ("/requests/decided?q=romans", "coordinator"),
    ("/requests/decided?q=nowhere-in-it", "coordinator"),
    ("/requests/decided?page=200", "coordinator"),
    ("/openings?q=s7", "coordinator"),
    ("/reports?page=10", "coordinator"),
    ("/incidents?search=s7&state=all", "safeguarding"),
    ("/incidents?search=nowhere-in-it&state=all", "safeguarding"),
    ("/incidents?state=all&page=100", "safeguarding"),
    ("/audit?words=nowhere-in-it", "coordinator"),
    ("/audit?person=t7", "coordinator"),
    ("/audit?person=nobody", "coordinator"),
    ("/audit?kind=approved&words=s7", "coordinator"),
    ("/audit?before=1050000", "coordinator"),
    ("/devices?q=laptop+7", "coordinator"),
    ("/accounts?q=teacher+7", "coordinator"),
    ("/rooms?q=7", "coordinator"),
    ("/rules?q=s7", "coordinator"),
    ("/sites?site=www.s7.example.org", "coordinator"),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", default="sqlite", choices=("sqlite", "postgresql"))
    parser.add_argument("--scale", type=float, default=1.0, help="a part of those rows, for a look")
    parser.add_argument("--trust", action="store_true", help="as many rows as a hundred schools have together")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="hp-", dir="/tmp") as folder,
        database_url(options.database) as database,
        contextlib.closing(FurnishedSchool(Path(folder) / "central", database=database)) as school,
    ):
        write_years(school, (TRUST if options.trust else SCHOOL).scaled(options.scale))
        app = create_central_app(school.central)
        visits = list_pages(app, "central", school.arguments)
        visits += [PageVisit(path, role) for path, role in _SEARCHES]
        found = sorted((_measure(app, visit) for visit in visits), reverse=True)
        sys.stdout.write(f"{len(found)} pages, the slowest first; bar {BAR_MS:.0f} ms\n")
        for spent, worked, length, path in found[:25]:
            over = "  over" if spent > BAR_MS else ""
            sys.stdout.write(f"{spent:8.1f} ms  {worked:8.1f} ms of work  {length:9,} bytes  {path}{over}\n")
    return 0


def _measure(app: Flask, visit: PageVisit) -> tuple[float, float, int, str]:
    browser, spent, worked, length = sign_in(app, visit.role), [], [], 0
    for _ in range(3):
        begun, work = time.perf_counter(), time.process_time()
        answer = browser.get(visit.path)
        length = len(answer.data)
        spent.append(time.perf_counter() - begun)
        worked.append(time.process_time() - work)
        assert answer.status_code < 500, visit.path
    return min(spent) * 1000, min(worked) * 1000, length, visit.path


if __name__ == "__main__":
    sys.exit(main())
