"""Selects the files and lines that count: coverage.py's configuration, its analysis of a file, and the functions in it.

Modules:

*   ``ast_guard``: guards the parsing of Python against a fault of CPython 3.11
*   ``content``: reads source files, and compares them with the loaded code
*   ``coveragepy``: coverage.py's configuration and analysis
*   ``functions``: the functions in a file
*   ``selection``: which files are application code

May import: errors, model, settings.

Runs in the measured server, and in the commands that report. The only room that uses coverage.py's internals, in
``coveragepy``.
"""
