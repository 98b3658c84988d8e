"""What a server's process does before the application is imported: recording starts, a temporary database is guarded.

May import: recording and what lies below it. Runs in the measured server; ``site`` is the folder that is put on its
PYTHONPATH, for the ``sitecustomize`` in it.
"""
