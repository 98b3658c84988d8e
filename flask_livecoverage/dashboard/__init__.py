"""The dashboard: pages that show a run while it is recorded, made by a process of their own (:mod:`.main`).

It reads what the server's processes have written, and runs with low priority, so an open dashboard costs the
application nothing, whatever it takes to count and compare.

May import: queries and what lies below, and of control its parameters and the dashboard's addresses.
"""
