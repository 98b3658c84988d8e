"""One function for each question about what was recorded; it returns plain data, which the caller prints.

The command line, the control routes, the dashboard and the pytest plugin ask here, so their numbers agree.

May import: store, analysis, exports, sources, journal, model, errors. Runs in the commands, and in the server or its
dashboard process when they are asked; a server that is never asked imports none of it that needs the store.
"""
