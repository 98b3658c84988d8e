"""One answer to each question, for the command line, HTTP, the dashboard and the pytest plugin.

May import: store, analysis, exports, and what lies below. Returns plain data; whoever asks prints it. Runs in the
commands, and in the server or its dashboard process when they are asked.
"""
