"""A git repository with a commit."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..support.repositories import GitFolder


@pytest.fixture
def repository(tmp_path: Path) -> GitFolder:
    folder = GitFolder(tmp_path / "code")
    folder.commit({"app.py": "a\nb\nc\nd\ne\nf\n", "old.py": "1\n", "data.bin": b"\0\1"})
    return folder
