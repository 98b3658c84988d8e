"""Creates the data directory and its folders, and describes writes that the file system refuses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import StorageError
from ..model.atomic_files import replace_data_file
from ..model.data_files import NotRegularError, make_data_folder


def describe(error: OSError) -> str:
    """Return the reason alone, without number and path."""
    return error.strerror or str(error)


def storage_error(path: Path, error: OSError | None, what: str) -> StorageError:
    """Return the error for a failed write to ``path``; ``what`` describes the consequence."""
    reason = describe(error) if error is not None else "now it can"
    return StorageError(
        f"{path}: cannot be written ({reason}), so {what}: {advice(error)}, or name another folder with "
        "LIVECOVERAGE_DATA_DIR"
    )


def advice(error: OSError | None) -> str:
    """Return what to do about the path that could not be written."""
    if isinstance(error, NotRegularError):
        return "remove it"
    return "end that process" if isinstance(error, TimeoutError) else "make room there"


@contextmanager
def storage_errors(path: Path, what: str) -> Iterator[None]:
    """Convert an OSError in the block to the StorageError for a failed write to ``path``."""
    try:
        yield
    except OSError as error:
        raise storage_error(path, error, what) from error


def make_data_dir(path: Path) -> None:
    """Create a data directory if it does not exist; it may be a symbolic link. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_dir():
        make_data_folder(path)


def make_run_folder(folder: Path) -> None:
    """Create a run's folder, and those above it, if they do not exist. Raises OSError."""
    make_data_dir(folder.parent.parent)
    make_data_folder(folder.parent)
    make_data_folder(folder)
    ignore = folder.parent.parent / ".gitignore"
    if not ignore.exists():
        # Not needed for recording; the next call tries again.
        with suppress(OSError):
            replace_data_file(ignore, b"*\n")
