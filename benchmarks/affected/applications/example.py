"""The example application of this repository: Flask-SQLAlchemy, templates, a JSON endpoint.

Its tests stay as they are, without those that end the server. Their page is one without a browser, and a module of
tests is added that compares whole answers.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from .base import IGNORED, Application, write_files

REPOSITORY = Path(__file__).parents[3]
FILES = Path(__file__).parent / "files" / "example"
CONFIGURATION = """[coverage:run]
source = example_app
omit =
    example_app/conftest.py
    example_app/tests/*

[tool:pytest]
testpaths = example_app/tests
"""


def write(folder: Path) -> None:
    """Write the application and its tests."""
    package = folder / "example_app"
    ignored = shutil.ignore_patterns("__pycache__", "standalone", "conftest.py", "README.rst", "instance")
    shutil.copytree(REPOSITORY / "example_app", package, ignore=ignored)
    shutil.copy(FILES / "conftest.py", package)
    shutil.copy(FILES / "test_answers.py", package / "tests")
    requirements = "flask>=3.0\nFlask-SQLAlchemy>=3.1\n"
    write_files(folder, {".gitignore": IGNORED, "setup.cfg": CONFIGURATION, "requirements.txt": requirements})


def variables(folder: Path) -> dict[str, str]:
    """A database of its own."""
    file = folder.resolve() / "instance" / "served.sqlite"
    file.parent.mkdir(exist_ok=True)
    return {"FLASK_SQLALCHEMY_DATABASE_URI": f"sqlite:///{file}"}


def boot() -> Any:
    """Start it as ``flask livecov serve`` does."""
    (Path.cwd() / "instance" / "served.sqlite").unlink(missing_ok=True)
    from example_app import create_app
    from example_app.database import store_first_check
    from example_app.extensions import db

    application = create_app()
    with application.app_context():
        db.create_all()
        store_first_check()
    return application


EXAMPLE = Application(
    name="example",
    title="The example application",
    factory="example_app",
    sources=("example_app",),
    write=write,
    boot=boot,
    variables=variables,
    warm_modules=(
        "flask_sqlalchemy",
        "selenium.webdriver",
        "selenium.webdriver.support.wait",
        "sqlalchemy.orm",
        "sqlalchemy.dialects.sqlite",
        "html.parser",
    ),
)
