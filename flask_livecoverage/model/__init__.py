"""The vocabulary: records, sets of lines, filters, and small tools that every other package uses.

May import: errors and settings alone; nothing here depends on journals, stores or frameworks. Used by every process:
the measured server, its dashboard process and the commands.
"""
