"""Pure functions over records: duplicates, the smallest suite, priorities, new lines, access logs.

Modules:

*   ``access_log``: reads access logs of web servers
*   ``cover``: the minimum set cover, with a proof that it is one
*   ``duplicates``: tests that execute no line of their own
*   ``hunks``: applies the hunks of a diff
*   ``impact``: which recorded tests a change can affect
*   ``line_matching``: the lines of one version of a file in another one
*   ``lost_lines``: the lines of files that were lost and gained
*   ``minimise``: the smallest suite that executes all lines
*   ``moved``: the moved lines of a diff
*   ``new_lines``: the lines that each trace was the first to run
*   ``patch``: the statements that a diff changes
*   ``priorities``: the gaps in the functions that most requests enter
*   ``subsets``: the sets of lines that are subsets of others
*   ``suite``: a suite for comparisons: tests or requests with their lines
*   ``survivors``: which of several tests with the same lines is kept
*   ``window_history``: the lines of a window, compared with those that were executed before it

May import: errors, model, sources.functions.

Runs in any process. Reads no run and prints nothing.
"""
