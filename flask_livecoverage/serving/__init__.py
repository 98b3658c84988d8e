"""Serves an application for a suite: the server's process, its readiness and shutdown, signals, the database.

Modules:

*   ``database``: databases that exist only while an application is served
*   ``external_server``: waits until an external server answers
*   ``launcher``: starts and ends the processes of ``livecov run``
*   ``readiness``: the connection between ``livecov run`` and ``livecov serve``
*   ``serve_options``: the parsed options of the commands that serve
*   ``signals``: termination signals
*   ``werkzeug_server``: Werkzeug's server with a graceful shutdown

May import: control.shutdown, control_client, errors, keploy.sockets, settings, startup.

Runs in the commands; ``werkzeug_server`` and :mod:`..startup.database_guard` run in the server that they start.
"""
