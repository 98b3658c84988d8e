"""The work of the commands of ``flask livecov``, with their options already read.

May import: everything but pytest_plugin, django and wsgi. Imported in the bodies of the commands, so ``flask`` itself
loads none of it.
"""
