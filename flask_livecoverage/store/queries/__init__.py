"""What the store answers about runs: requests, lines, tests, routes, windows.

May import: the rest of store but not ingest. Reads only; runs wherever a question is asked.
"""
