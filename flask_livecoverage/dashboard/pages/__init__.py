"""A module for each page of the dashboard, with its templates and static files.

May import: the rest of dashboard, queries, and what lies below. Runs in the dashboard process.
"""
