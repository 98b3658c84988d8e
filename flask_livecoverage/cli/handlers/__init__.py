"""The work of the commands of ``flask livecov``, with their options already read.

Modules:

*   ``affected_tests``: the work of ``affected``
*   ``answers``: prints the answers to the questions, as text or as JSON
*   ``change_coverage``: the work of ``patch``
*   ``change_markdown``: its answer for pull requests
*   ``change_rows``: parts of its answer that text and Markdown have in common
*   ``comparing``: the work of ``compare`` and ``baseline``
*   ``comparison_text``: the difference of two runs as JSON, text and Markdown
*   ``keploy``: the work of ``keploy`` and ``replay``
*   ``line_references``: ``FILE:LINE``, as people write it
*   ``opening``: opens the runs that a command is about
*   ``priorities``: the work of ``priorities``
*   ``questions``: the answers of ``requests``, ``tests``, ``routes``, ``diff`` and ``who``, as objects for JSON
*   ``recorded_runs``: the work of ``runs`` and ``prune``
*   ``removal``: deletes the files of test cases that Keploy recorded
*   ``reporting``: writes reports; the work of ``status`` and ``shutdown``
*   ``run_reports``: the work of ``report``, for ``run`` and ``serve`` too
*   ``serving``: the work of ``serve`` and ``run``
*   ``suites``: the work of ``dedup`` and ``minimise``
*   ``surplus_runs``: removes old runs when another one begins
*   ``traffic``: counts the requests of an access log by route

May import: analysis, control.application, control_client, errors, exports, extension, journal, keploy, model, queries,
recording.process, repository, serving, settings, sources, startup, store.

Runs in the commands, which import it in their bodies, so ``flask`` itself loads none of it.
"""
