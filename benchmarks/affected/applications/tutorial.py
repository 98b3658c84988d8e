"""The application of Flask's tutorial, from Flask's source distribution: a blog with users, in SQLite.

Its own tests stay as they are. Their ``conftest.py`` is replaced by one whose clients send requests to the live server,
or to the application in the same process, and a module of tests is added that compares whole answers.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .base import IGNORED, Application, write_files

EXAMPLE = "/examples/tutorial/"
FILES = Path(__file__).parent / "files" / "tutorial"


def fetch() -> bytes:
    """The source distribution of the Flask that is installed, by pip."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--no-binary", "flask", "--dest", folder, f"flask=={version('flask')}"]
        subprocess.run(command, check=True, stderr=subprocess.PIPE)
        (archive,) = Path(folder).glob("*.tar.gz")
        return archive.read_bytes()


def write(folder: Path) -> None:
    """Write the application and its tests."""
    with tarfile.open(fileobj=io.BytesIO(fetch())) as archive:
        for member in archive.getmembers():
            _, found, name = member.name.partition(EXAMPLE)
            source = archive.extractfile(member) if found else None
            if source is not None:
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(source.read())
    write_files(folder, {".gitignore": IGNORED})
    shutil.copytree(FILES, folder / "tests", dirs_exist_ok=True)


def boot() -> Any:
    """Start it as ``flask --app flaskr`` does, with hashes of passwords that take less time."""
    hashlib.scrypt = quick_hash  # type: ignore[assignment]
    from flaskr import create_app  # type: ignore[import-not-found]

    return create_app()


def quick_hash(password: bytes, *, salt: bytes, n: int, r: int, p: int, maxmem: int = 0, dklen: int = 64) -> bytes:
    """A hash of a password that can be computed thousands of times."""
    return hashlib.pbkdf2_hmac("sha256", password, salt, 1, dklen)


TUTORIAL = Application(
    name="tutorial",
    title="The tutorial of Flask",
    factory="flaskr",
    sources=("flaskr",),
    write=write,
    boot=boot,
)
