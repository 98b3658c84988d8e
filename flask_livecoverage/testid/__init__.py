"""Test identity: how clients send the name of the running test, and how the server reads it from a request.

Modules:

*   ``clients``: HTTP and browser libraries send the name
*   ``headers``: the server reads the name

May import: model.

``headers`` runs in the measured server, ``clients`` in the process of the suite.
"""
