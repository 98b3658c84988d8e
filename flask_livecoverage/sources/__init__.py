"""Selects the files and lines that count: coverage.py's configuration, its analysis of a file, and the functions in it.

May import: model, errors, settings. The only package that uses coverage.py's internals (:mod:`.coveragepy`). Used by
the measured server, and by the commands that report.
"""
