"""The journal: what a process records, on disk as it happens.

A run is a folder, ``<data dir>/runs/<run id>/``. Each process of the run appends to a file of its own there,
``journal-<token>.jsonl``: a JSON object a line, in ASCII, ``type`` its first key, one ``write`` each. Nothing is synced
to the disk: the operating system's page cache outlives a killed process, though not a power failure. The reader skips
and counts a torn line, and finds the line that another ``write`` put right behind it.

The kinds of lines (``type``):

``process``
    the first: ``version`` of the format, ``pid``, ``root``, ``engine`` and what else
    :class:`~..model.records.Process` holds
``sources``
    ``files``: all files that the configuration wants measured
``rules``
    ``rules``: URL rules of the applications, each ``[rule, endpoint, methods]``; in a later line those that are new
``trace``
    ``id`` and ``files``: path → ``{"content", "lines" (bitmap in hexadecimal), "arcs" (pairs, with branch coverage)}``
``request``
    the fields of :class:`~..model.records.RequestRecord`, without ``pid`` and ``window``; an empty ``test`` says that
    it is no test's, and in no window
``amend``
    ``id`` of a request that ran more after its record was written, ``trace`` of what it ran, and while its response
    goes on the ``status`` and ``duration_ms`` that it has now; ``ended`` of streams that last: false, and true at last
``ambient``
    ``trace`` of lines that ran outside any request
``window``
    ``name`` and ``at``: a window opens, and with an empty name the open one closes
``lost``
    ``count`` of lines about requests that could not be written since the last such line, and the ``reason``
``gone``
    nothing: it takes the place of lines that another program has cut off

Beside them lie files whose names begin with ``marks.``. ``marks.jsonl`` holds the marks that :meth:`RunFolder.mark`
sets: up to which byte of which journal a reset has put requests behind it. ``marks.window`` is there while a window is
open, ``marks.announced`` once a log has named the run, ``marks.lock`` is for a file lock, and ``marks.clock-…`` is the
clock of all processes (:mod:`~.clock`). Times are UNIX seconds by that clock.

May import: model, errors. The measured server uses writer and what that needs; reader and tail are the read side, used
wherever a question is asked. Both take the format of a line from :mod:`.format` alone.
"""
