"""Mixed load for a long time, each record of which is checked.

::

    python -m benchmarks.soak --minutes 30
    python -m benchmarks.soak --minutes 5 --engine ctrace --clients 8

``flask livecov serve`` serves views that loop, branch, stream, fail, start threads, and start threads that outlive the
response. Clients request them at random, some with a test's name; meanwhile windows open and close, and dumps with a
reset divide the run. Then the records are compared with the responses: each request must be recorded once, with exactly
its lines, its status and its test. Exits with 1 if one is not.
"""
