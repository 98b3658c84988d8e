"""The measured server's side of the dashboard: starts the dashboard process and passes requests to it.

Modules:

*   ``dashboard_process``: starts and ends the dashboard process
*   ``events``: server-sent events, which report that something has changed
*   ``proxy``: answers the buttons, and passes on the requests for pages
*   ``relay``: the connection to the dashboard process
*   ``server_state``: the state of the server, which is sent along with each request
*   ``urls``: the dashboard's addresses

May import: control.parameters, control.run_access, control.shutdown, errors, helper_process, journal.run_folder, model,
recording, settings.

Runs in the measured server. It imports nothing of ``dashboard``: a server whose dashboard is not used must not pay for
it.
"""
