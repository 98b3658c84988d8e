"""The time that the dashboard's pages take, and the cost of an open page for the application.

::

    python -m benchmarks.dashboard [--files 1000] [--requests 100000] [--traces 5000] [--seconds 3] [--page tests]

First an application is generated, with journals of requests over distinct sets of lines, the traces. Each page is
requested several times, as the measured server requests it; milliseconds are those until the last byte. Then requests
go on being recorded, and each page is requested just after one, until it shows it: at the pace of the page's script.

Then a live server is put under load by wrk, in turns with no page open, twice, and with a client that does what the
script of an open page does: it holds the stream of events, and requests the page again at the same pace.
"""

# The pace of the page's script: seconds between two updates, and at most after one that took the server long.
PACE_SECONDS = 0.5
MAX_SECONDS = 5.0
