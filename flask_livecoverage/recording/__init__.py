"""The write side: one recorder for each process, the requests while they run, traces, and context propagation.

Modules:

*   ``best_effort``: runs several steps to the end, even if one fails
*   ``context_propagation``: propagates the current request into threads, pools and futures
*   ``flusher``: the thread that flushes once a second
*   ``gevent_patch_hooks``: pauses the flusher while gevent patches
*   ``greenlet_contexts``: propagates the current request into greenlets
*   ``import_edges``: notes which file of the application imports which
*   ``inventory``: records the application's source files, imports and URL rules
*   ``pending_lines``: writes ambient lines, and lines that requests run after their response
*   ``process``: this process's one recorder
*   ``recorder``: starts and stops the engine, and opens requests and windows
*   ``request``: one request while it runs
*   ``run_origin``: notes the git commit that a run measures
*   ``session``: the state that the requests of one process share
*   ``trace_writer``: writes each trace once

May import: engines, errors, journal.clock, journal.data_dir, journal.facts, journal.format, journal.run_folder,
journal.shared_files, journal.window_switch, journal.writer, model, repository.git, repository.running_git,
repository.working_tree, settings, sources.selection.

Runs in the measured server alone, and imports only the writing half of the journal: never a reader, a store or an
export. As long as that server answers no control route, the middleware is the only room above this one that runs.
"""
