"""Recorded runs in the formats of other tools: coverage.py's reports, its data file, the JSON dump.

May import: store, sources, and the layers below. Runs in the commands, and in a process of its own for a live server.
"""
