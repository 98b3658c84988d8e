"""Pure functions over records: duplicates, the smallest suite, priorities, growth of coverage, access logs.

May import: model, errors, sources.functions. Reads no run and prints nothing; runs in any process.
"""
