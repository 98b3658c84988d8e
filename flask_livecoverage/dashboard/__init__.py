"""The dashboard: pages that show a run while it is recorded, rendered by a separate process (:mod:`.main`).

It reads the records that the server's processes have written, and runs with low priority, so an open dashboard does
not slow the application down, however much there is to count and compare.

May import: queries and what lies below, and of control its parameters and the dashboard's addresses.
"""
