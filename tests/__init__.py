"""The tests. Each folder of the package has a folder of the same name here, with the tests of its modules.

``end_to_end`` contains the tests of the product as a whole, ``support`` helpers that several folders share. Each module
of the package is named by its tests: by the name of the test module (``tests/journal/test_reader.py``), or in its
docstring, in a paragraph that begins with "Tests". ``test_architecture.py`` checks that.
"""
