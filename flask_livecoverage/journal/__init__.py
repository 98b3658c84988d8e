"""The journal: the records of a process, on disk as soon as they are made.

A run is a folder, ``<data dir>/runs/<run id>/``. Each process of the run appends to its own file there,
``journal-<token>.jsonl``: one JSON object a line, in ASCII, ``type`` its first key, one ``write`` each. Nothing is
synced to the disk, because the operating system's page cache survives a killed process, though not a power failure. The
reader skips and counts a torn line, and finds the line that another ``write`` appended right after it.

The kinds of lines (``type``):

``process``
    the first line: ``version`` of the format, ``pid``, ``root``, ``engine`` and the other fields of
    :class:`~..model.records.Process`
``sources``
    ``files``: all files that the configuration selects
``rules``
    ``rules``: URL rules of the applications, each ``[rule, endpoint, methods]``; in a later line those that are new
``imports``
    ``edges``: pairs of paths, a file of the application and one that it was the first to import
``trace``
    ``id`` and ``files``: path → ``{"content", "lines" (bitmap in hexadecimal), "arcs" (pairs, with branch coverage)}``
``request``
    the fields of :class:`~..model.records.RequestRecord`, without ``pid``, ``window`` and ``under_way``; with an
    empty ``test`` it belongs to no test and to no window
``amend``
    ``id`` of a request that ran more lines after its record was written, ``trace`` of these lines, and as long as its
    response has not ended the current ``status`` and ``duration_ms``; for long streams ``ended``: false, finally true
``ambient``
    ``trace`` of lines that ran outside any request
``window``
    ``name`` and ``at``: a window opens; with an empty name, the open one closes
``lost``
    ``count`` of lines about requests that could not be written since the last such line, and the ``reason``
``gone``
    no fields: it replaces lines that another program has removed by truncating the file

Other files in the folder have names that begin with ``marks.``. ``marks.jsonl`` holds the marks of
:meth:`RunFolder.mark`: for each reset, the byte of each journal before which requests no longer count. ``marks.window``
exists while a window is open, and names it; while that changes, ``marks.window.former`` is what it was before.
``marks.announced`` exists once a log has named the run, ``marks.lock`` and ``marks.window.lock`` are for file locks,
and ``marks.clock-…`` is the clock of all processes (:mod:`~.clock`). ``marks.git.json`` and ``marks.command.json`` hold
what the run was recorded for (:mod:`~.facts`), ``marks.tests.jsonl`` the outcomes of the tests (:mod:`~.outcomes`),
``marks.names.json`` the names of all tests (:mod:`~.recorded_tests`).
Times are UNIX seconds by that clock.

Modules:

*   ``_appended``: the write of ``append_file`` as a C extension, where it could be compiled
*   ``append_file``: a file to which a process appends, and which stays at its path
*   ``clock``: the clock of a run: one for all its processes, never set back
*   ``data_dir``: the runs in the data directory
*   ``facts``: the git commit and the command of a run
*   ``fold``: folds lines about requests and windows into records
*   ``format``: the format of a line, for writing and for reading
*   ``losses``: counts records that could not be written
*   ``outcomes``: the outcomes of the tests of a run
*   ``reader``: reads a whole run
*   ``recorded_tests``: the names of a run's tests
*   ``retention``: removes runs
*   ``run_folder``: the folder of a run: its journals, marks and open window
*   ``shared_files``: restores the files that processes share, if the folder is removed
*   ``storage``: creates folders, and describes writes that fail
*   ``tail``: reads the lines since the last call
*   ``window_switch``: opens and closes windows
*   ``windows``: the windows of a run: one is open at most
*   ``writer``: appends to this process's journal

May import: errors, model.

The measured server uses ``writer`` and its imports; ``reader`` and ``tail`` are the read side, used wherever a question
is answered. Both sides take the format of a line from :mod:`.format` alone.
"""
