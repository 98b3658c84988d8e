"""Reads new lines of journals into the store: requests, late updates, windows, repeated values.

May import: the rest of store, journal. Runs wherever a question is answered: in a command, in the dashboard process, or
in the measured server for a control route.
"""
