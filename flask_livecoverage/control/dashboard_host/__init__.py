"""The measured server's side of the dashboard: starts the dashboard process and passes requests to it.

May import: the rest of control, and nothing from dashboard: a server whose dashboard is not used must not pay for it.
Runs in the measured server.
"""
