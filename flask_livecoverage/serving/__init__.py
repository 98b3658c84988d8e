"""Serves an application for a suite: the server's process, its readiness and shutdown, signals, the database.

May import: startup, control, and the layers below. Runs in the commands;
:mod:`.werkzeug_server` and :mod:`..startup.database_guard` run in the server that they start.
"""
