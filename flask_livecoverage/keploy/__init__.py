"""Keploy: the agent that reports the lines of tests, the replay of recorded test cases, and the YAML formats.

Modules:

*   ``agent``: answers Keploy's commands with the lines of each test
*   ``cases``: reads the test cases that Keploy recorded
*   ``collector``: collects the lines of tests from the journals
*   ``comparison``: compares responses by the rules of Keploy's matcher
*   ``dedup_yaml``: ``dedupData.yaml``
*   ``duplicates_yaml``: ``duplicates.yaml``
*   ``fields``: checked access to the fields of a document
*   ``replay``: replays test cases and compares the responses
*   ``resending``: sends recorded requests again
*   ``runs``: the run that the agent reports
*   ``sockets``: the two Unix sockets between Keploy and an agent
*   ``yaml_stream``: reads untrusted YAML, event by event

May import: analysis.suite, control_client, errors, journal, model, recording.recorder.

Runs in the commands; a server writes the formats.
"""
