"""Tests of atomic_files: files are written completely or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_livecoverage.model.atomic_files import replace_file


@pytest.fixture
def umask() -> Iterator[int]:
    mask = 0o027
    before = os.umask(mask)
    yield mask
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_new_file_in_a_new_folder(tmp_path: Path, umask: int) -> None:
    replace_file(tmp_path / "new" / "it.yaml", b"content")

    assert (tmp_path / "new" / "it.yaml").read_bytes() == b"content"
    assert mode(tmp_path / "new" / "it.yaml") == 0o666 & ~umask


def test_old_file_keeps_its_permissions_and_a_link_stays(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("a longer content")
    target.chmod(0o604)
    (tmp_path / "link").symlink_to("target")

    replace_file(tmp_path / "link", b"short")

    assert (tmp_path / "link").is_symlink()
    assert (target.read_bytes(), mode(target)) == (b"short", 0o604)


def test_device_is_written_to_and_stays_one(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    try:
        replace_file(f"/dev/fd/{writer}", b"content")
        assert os.read(reader, 100) == b"content"
    finally:
        os.close(reader)
        os.close(writer)


@pytest.mark.parametrize("step", ["replace", "fchmod"])
def test_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "it").write_text("old")
    monkeypatch.setattr(os, step, fail)

    with pytest.raises(OSError, match="No space left"):
        replace_file(tmp_path / "it", b"new")

    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"it": "old"}


def test_folder_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()

    with pytest.raises(IsADirectoryError):
        replace_file(tmp_path / "folder", b"content")

    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
