"""Pure functions over records: duplicates, the smallest suite, priorities, how coverage grew, access logs.

May import: model, errors, sources.functions. Reads no run and prints nothing; runs wherever a question is asked.
"""
