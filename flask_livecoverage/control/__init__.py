"""The control routes: access rules, parameters, responses, and the server's graceful shutdown.

Modules:

*   ``access``: who may use the control routes
*   ``announcement``: logs once per run that a server is measured
*   ``application``: the control routes, as a WSGI application in front of the measured one
*   ``connection``: the connection of a request, as it was before servers and middleware changed its details
*   ``dashboard_host``: the measured server's side of the dashboard
*   ``json_answers``: the answers that are read from the store, as objects for JSON
*   ``parameters``: the parameters of the routes, checked
*   ``reported_outcomes``: the outcomes of tests that clients report
*   ``run_access``: reads and resets this process's run
*   ``shutdown``: ends the server, once the requests in flight are done
*   ``socket_users``: the users who hold this machine's sockets

May import: _version, errors, exports, journal, keploy.dedup_yaml, middleware, model, queries, recording, settings,
store.

Runs in the measured server.
"""
