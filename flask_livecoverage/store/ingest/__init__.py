"""Brings what journals have gained into the store: late updates, windows, repeated values.

May import: the rest of store, journal. Runs wherever a question is asked: in a command, or in the dashboard process.
"""
