"""One function for each question about what was recorded; it returns plain data, which the caller prints.

The command line, the control routes, the dashboard and the pytest plugin call these functions, so their numbers agree.

Modules:

*   ``affected``: the tests that a change can affect
*   ``affected_runs``: the runs by which affected tests are found
*   ``counted_lines``: the lines that an answer counts: all, or statements
*   ``coverage_comparison``: the difference of two runs, or of a run and a baseline
*   ``covered_files``: the coverage of single files, as reports count it
*   ``gaps``: gaps in coverage, ranked by traffic
*   ``importable_names``: the names that installed modules have
*   ``judged_runs``: the changes since a run, and what each can affect
*   ``line_hits``: the tests, routes and requests that executed a line
*   ``lists``: lists of requests, tests and routes
*   ``lookup``: one request, test or route, and the difference of two
*   ``old_contents``: the contents that files had
*   ``patch``: the coverage of a change
*   ``present_files``: the files as they are now, or as a diff has them
*   ``recorded_coverage``: the coverage of recorded runs by file
*   ``recorded_files``: the statements of a run's files as they were then
*   ``recorded_suite``: the recorded suite, for comparisons and for programs
*   ``redundancy``: the redundant tests of a suite, and the smallest suite
*   ``routes``: names of routes, and the rules that no request used
*   ``run_counts``: the numbers of requests, traces and processes of a run
*   ``run_list``: the recorded runs
*   ``run_records``: a run's tests, their lines, and the files of then
*   ``run_removal``: removes runs
*   ``statements``: the statements that were not executed
*   ``stored_contents``: keeps the contents of a run's files
*   ``stored_runs``: opens the store for a question
*   ``suite_files``: the Python files of a suite
*   ``suite_outcomes``: the outcomes of a suite's tests
*   ``unaffected_tests``: the tests that a run left out because no change can affect them
*   ``window_summary``: the summary of the last window

May import: analysis, errors, exports, journal.data_dir, journal.facts,
journal.outcomes, journal.retention, journal.run_folder, model, repository,
sources, store.

Runs in the commands, in the dashboard process, and in the server for a control route; a server that answers none of
these routes imports no module of it that needs the store.
"""
