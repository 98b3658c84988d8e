"""Which recorded tests a change can affect: changed functions and start-up code, and the tests that depend on them.

A test is affected if it ran a changed function, or if something that it ran can see that a name has changed, appeared
or gone. Each rule selects too many tests rather than too few.

Modules:

*   ``availability``: whether imports succeed, and names have the value that is needed
*   ``bindings``: the names that statements bind, perhaps or for sure
*   ``blocks``: the statements of modules and classes, and the functions, with their lines and fingerprints
*   ``class_families``: classes that inherit from each other, and from classes that are not measured
*   ``comparison``: pairs the blocks of the two versions of a file
*   ``effects``: which statements do nothing but bind names
*   ``files``: judges files that were added, deleted, or cannot be read
*   ``fingerprint``: syntax trees as text, without positions, formatting and comments
*   ``functions``: judges changes within functions
*   ``imports``: which module a file is, and which files a file imports
*   ``judgement``: the changes between two versions of an application, each with its reach
*   ``kept_results``: code whose results are kept, so that tests use them without running it
*   ``mentions``: the names that a piece of code mentions
*   ``needs``: what annotations, decorators and base classes need to be there when the application starts
*   ``program``: the measured files before and after the change, and which of their code mentions a name
*   ``reach``: a change, and the tests that it can reach
*   ``scopes``: judges changed statements of modules and classes
*   ``selection``: the tests that changes can affect
*   ``stores``: the state outside of a function that it stores into
*   ``unchanged_lines``: the lines of unchanged code in another content of its file
*   ``value_flow``: the code that reads the value of a global

May import: model, sources.ast_guard.

Runs in any process. Reads no file and prints nothing.
"""
