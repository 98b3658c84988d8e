"""The tests. Each folder of the package has a folder of the same name here, with the tests of its modules.

``end_to_end`` contains the tests of the product as a whole, ``support`` helpers that several folders share. The
docstring of a test module names the modules that it tests.
"""
