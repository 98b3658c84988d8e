"""Reads new lines of journals into the store: requests, late updates, windows, repeated values.

Modules:

*   ``batch``: inserts a piece of one journal
*   ``interning``: stores repeated values once
*   ``late_updates``: adds late lines to their requests
*   ``outcome_file``: stores the outcomes of tests
*   ``source_contents``: keeps the contents of files
*   ``sync``: synchronises the store with a run's journals
*   ``window_events``: inserts window events, and assigns stored requests to these windows

May import: journal, model, sources.content, store.

Runs wherever a question is answered: in a command, in the dashboard process, or in the measured server for a control
route.
"""
