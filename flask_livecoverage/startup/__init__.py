"""Work of a server's process before the application is imported: recording starts, a temporary database is guarded.

Modules:

*   ``database_guard``: the application uses the temporary database, and no other
*   ``early_start``: starts recording before the application is imported
*   ``site``: a folder that is put on the server's PYTHONPATH, for its ``sitecustomize``

May import: errors, model, recording.process, settings, sources.selection.

Runs in the measured server.
"""
