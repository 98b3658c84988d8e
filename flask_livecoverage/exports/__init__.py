"""Writes recorded runs in other formats: coverage.py's reports, its data file, the JSON dump.

Modules:

*   ``contexts``: the contexts of a report
*   ``dump``: the JSON document
*   ``github``: annotations and summaries for GitHub Actions
*   ``report_process``: reports made in a process of their own
*   ``reports``: coverage.py's reports and its data file

May import: errors, helper_process, model, sources.

Runs in the commands, in the server for a dump, and in a process of its own for a server that has left its folder.
"""
