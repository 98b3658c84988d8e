"""The pages of the dashboard, with their templates and static files.

Modules:

*   ``change``: the coverage of a change
*   ``chart``: the chart of covered statements over requests
*   ``code_lines``: single lines of code
*   ``compare``: the pages of one request, test or route, and of the difference between two
*   ``context``: the context of a page: its request, snapshot, addresses and templates
*   ``duplicates``: the page of duplicates, subsumed tests and the smallest suite
*   ``files``: the table of files, and the source of a file
*   ``group_table``: the table that the pages of tests and of routes show
*   ``highlight``: highlights source files
*   ``overview``: the overview
*   ``pagination``: sorts tables and divides them into pages
*   ``rendering``: the Jinja environment, with its filters
*   ``requests``: the table of requests
*   ``routes``: the table of routes
*   ``run_comparison``: the difference of two runs
*   ``run_table``: the table of runs
*   ``static``: the style sheet, the script and the icon
*   ``tests``: the table of tests
*   ``treemap``: the map of files
*   ``what_next``: the routes to test next

May import: _version, analysis.lost_lines, control.dashboard_host, control.parameters, dashboard, journal.facts,
journal.run_folder, model, queries, sources, store.

Runs in the dashboard process.
"""
