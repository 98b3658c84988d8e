"""What was recorded, in the formats that other tools read: coverage.py's reports, its data file, the JSON dump.

May import: store, sources, and what lies below. Runs in the commands, and in a process of its own for a live server.
"""
