"""Work of a server's process before the application is imported: recording starts, a temporary database is guarded.

May import: recording and the packages below it. Runs in the measured server; the folder ``site`` is put on its
PYTHONPATH for its ``sitecustomize``.
"""
