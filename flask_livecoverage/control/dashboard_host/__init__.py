"""The measured server's side of the dashboard: hands requests to the dashboard process, which it starts.

May import: the rest of control; from dashboard nothing, so that a server that nobody looks at imports none of it.
"""
