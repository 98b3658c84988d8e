"""What each command of ``flask livecov`` does, once its options are read.

May import: everything but the other faces (pytest_plugin, extension, wsgi). Imported in the bodies of the
commands, so ``flask`` itself loads none of it.
"""
