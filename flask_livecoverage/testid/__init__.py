"""A test's name on its way from a test to the server.

May import: model, errors, settings. Of its parts, headers runs in the measured server, clients in the suite's process.
"""
