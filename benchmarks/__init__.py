"""Benchmarks. Each is a module to run, and its docstring says how.

- ``python -m benchmarks.affected``: mutants of applications: each test whose outcome changes must have been selected.
- ``python -m benchmarks.comparison``: the cost of measuring, beside other tools; ``make bench`` runs it.
- ``python -m benchmarks.dashboard``: the time of the dashboard's pages, and the cost of an open one.
- ``python -m benchmarks.keploy``: the time in which Keploy's agent answers.
- ``python -m benchmarks.minimise``: the time to find duplicates and the smallest suite.
- ``python -m benchmarks.soak``: mixed load for a long time, each record of which is checked.
- ``python -m benchmarks.store``: the speed and the size of the store.

``journals`` and ``servers`` hold what several of them share. ``tests/test_benchmarks.py`` runs each for a moment.
"""
