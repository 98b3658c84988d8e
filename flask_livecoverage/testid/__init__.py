"""Test identity: how clients send the name of the running test, and how the server reads it from a request.

May import: model, errors, settings. :mod:`.headers` runs in the measured server, :mod:`.clients` in the suite's
process.
"""
