"""The vocabulary: records, sets of lines, filters, and small tools that every other room uses.

Modules:

*   ``atomic_files``: writes files in one step
*   ``bitmap``: sets of line numbers
*   ``bounded``: bounded dicts
*   ``changes``: a unified diff as data
*   ``contents``: the hash of a file's content
*   ``counted_files``: the coverage of a file, with a mark for each statement
*   ``data_files``: opens and locks files of the data directory
*   ``filters``: the filters that select requests
*   ``imports``: modules that are loaded, and a callback for an import
*   ``outcomes``: the outcomes of tests
*   ``patches``: temporary replacements of attributes of other packages
*   ``records``: the records of a run
*   ``run_facts``: the git commit and the command of a run
*   ``text``: text that clients chose, cut for storage and printed safely

May import: nothing.

Runs in every process: the measured server, its dashboard process and the commands. It depends on no journal, store or
framework.
"""
