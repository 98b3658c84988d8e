"""The git repository of the application: what is checked out, and what has changed since a commit.

git's own command answers, so that a user's configuration, worktrees and sparse checkouts count as they do elsewhere.
Nothing here changes the repository: neither its objects, nor its index, which git refreshes otherwise.

Modules:

*   ``bases``: the commit with which a change is compared
*   ``diffs``: parses unified diffs
*   ``git``: runs git
*   ``history``: commits, and the changes since one
*   ``refs``: the branches and commits that were worked on last
*   ``running_git``: a git process that runs in the background
*   ``working_tree``: the state of the working tree

May import: errors, model.

Runs in commands, in the dashboard process and in the suite's process; in a measured server that no command has started,
once, in the background.
"""
