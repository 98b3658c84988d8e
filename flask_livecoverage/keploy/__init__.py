"""Keploy: the agent that reports the lines of tests, the replay of recorded test cases, and the YAML formats.

May import: journal, exports, analysis, and the layers below. Runs in the commands; a server writes the formats.
"""
