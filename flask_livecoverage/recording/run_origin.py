"""Notes the git commit that a run measures, where no command has noted it before it started the server.

git may hang, on a network's file system for example. So no thread waits for it, not even the flushing one, which writes
the lines of requests and which a fork waits for.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

from ..journal.facts import claim_working_tree, write_working_tree
from ..journal.run_folder import RunFolder
from ..model.run_facts import WorkingTree

if TYPE_CHECKING:
    from ..repository.running_git import RunningGit
    from ..repository.working_tree import Question

    Questions = Generator[Question, bytes, WorkingTree | None]

logger = logging.getLogger("flask_livecoverage")

# How long git may take in all, and how long when the server stops.
SECONDS = 10.0
STOP_SECONDS = 1.0


class RunOrigin:
    """Called regularly; notes the working tree that contains ``root``, unless another process of the run does."""

    def __init__(self, run: RunFolder, root: str) -> None:
        self._run = run
        self._root = Path(root)
        self._is_done = False
        self._questions: Questions | None = None
        self._git: RunningGit | None = None
        self._ends = 0.0

    def __call__(self) -> None:
        """Take git's answer, if there is one, and ask the next question."""
        if not self._is_done:
            try:
                self._continue()
            except Exception as error:
                # Under gevent, for example, some threads cannot start processes; a server that has changed its user may
                # not read this package any more.
                logger.debug("the git commit of this run is not known: %s", error)
                self._end(None)

    def stop(self) -> None:
        """Note the working tree if git answers soon; else end it."""
        ends = time.monotonic() + STOP_SECONDS
        while not self._is_done:
            self()
            self._ends = ends
            if self._git is not None:
                self._git.has_ended(max(0.0, ends - time.monotonic()))

    def after_fork(self) -> None:
        """Leave it to the parent, in a forked child."""
        self._is_done = True
        if self._git is not None:
            self._git.disown()
            self._git = None

    def _continue(self) -> None:
        if self._git is None:
            self._begin()
        elif self._git.has_ended():
            git, self._git = self._git, None
            self._ask(git)
        elif time.monotonic() >= self._ends:
            self._end(None)

    def _begin(self) -> None:
        if not claim_working_tree(self._run):
            self._is_done = True
            return
        # Imported here, because most servers are started by a command that has noted it.
        from ..repository.working_tree import tree_questions

        self._ends = time.monotonic() + SECONDS
        self._questions = tree_questions(self._root)
        self._ask(None)

    def _ask(self, answered: RunningGit | None) -> None:
        from ..repository.running_git import RunningGit

        assert self._questions is not None
        try:
            folder, arguments = self._next_question(self._questions, answered)
        except StopIteration as end:
            self._end(end.value)
        else:
            self._git = RunningGit(folder, arguments)

    def _next_question(self, questions: Questions, answered: RunningGit | None) -> Question:
        from ..repository.git import GitError

        if answered is None:
            return next(questions)
        try:
            answer = answered.take_output()
        except GitError as error:
            return questions.throw(error)
        return questions.send(answer)

    def _end(self, tree: WorkingTree | None) -> None:
        self._is_done = True
        git, self._git = self._git, None
        if git is not None:
            git.kill()
        write_working_tree(self._run, tree)
