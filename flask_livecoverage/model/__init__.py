"""The vocabulary: records, sets of lines, filters, and the small tools that every other package uses.

May import: errors and settings alone. Knows neither journals nor stores nor frameworks, and is used by every process:
the measured server, its dashboard process and the commands.
"""
