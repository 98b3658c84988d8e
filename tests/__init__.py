"""The tests. A folder for each room of the package, with the same name, and in it the tests of the room's modules.

``end_to_end`` holds the tests of the product as a whole, ``support`` what several folders share. The docstring of a
test module names the modules that it tests.
"""
