"""The dashboard: pages that show a run while it is recorded, and older runs.

They are rendered by a separate process (:mod:`.main`). It reads the records that the server's processes have written,
and runs with low priority, so an open dashboard does not slow the application down, however much there is to count and
compare.

Modules:

*   ``aggregator``: keeps the snapshot of a run up to date
*   ``application``: the WSGI application: addresses and their pages
*   ``background``: a thread for work that takes longer than a page should wait
*   ``change``: the coverage of a change
*   ``gc_policy``: when full garbage collections run
*   ``held_store``: the store's content as it was when a snapshot was made
*   ``kept_answers``: the last answers to a question with many cases
*   ``main``: the process: serves pages until its server ends
*   ``pages``: the pages
*   ``ranking``: the routes to cover next
*   ``run_comparison``: the difference of two runs
*   ``run_list``: the summaries of all runs
*   ``run_reader``: reads a run for the pages
*   ``run_readers``: opens and closes the readers of runs
*   ``snapshot``: the coverage that pages show, as it was at one moment
*   ``source_versions``: the version of each file that a snapshot shows
*   ``tests_to_run``: the tests that a change can affect

May import: analysis.new_lines, control.dashboard_host, control.parameters, errors, exports.dump, journal.data_dir,
journal.facts, journal.retention, journal.run_folder, model, queries, repository, sources, store.

Runs in the dashboard process.
"""
