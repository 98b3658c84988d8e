"""The write side: one recorder for each process, the requests while they run, traces, and context propagation.

May import: engines, the writing half of journal, and the rooms below; never a reader, a store or an export. Runs in the
measured server alone. While nobody queries that server, no room above this one runs but the middleware.
"""
