"""Keploy: the agent that reports a test's lines to it, the replay of its test cases, and its YAML formats.

May import: journal, exports, analysis, and what lies below. Runs in the commands; a server writes the formats.
"""
