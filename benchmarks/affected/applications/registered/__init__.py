"""A generated application of 100 modules whose parts register themselves.

It has class-based views, mixins, a metaclass, descriptors, late imports, constants of modules that others import,
objects of configuration, and methods that are found by computed names.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..base import IGNORED, Application, write_files
from ..stories import CONFTEST, test_files
from .core import MODULES
from .parts import PAGES as PAGE_COUNT
from .parts import PLUGINS as PLUGIN_COUNT
from .parts import constants, lazy, page, plugin
from .pipes import PIPES
from .served import PAGES, TEMPLATES

PACKAGE = "press"
COMMON = [
    [("GET", "/")],
    [("GET", "/nowhere"), ("GET", "/do/kind01"), ("POST", "/")],
    [("GET", "/do/unknown/show/1")],
    [("GET", "/do/kind01/show/99"), ("GET", "/do/kind01/show/0")],
    [("GET", "/pipe/unknown/1"), ("GET", "/page/unknown")],
]
CONFIGURATION = """[coverage:run]
source = press

[tool:pytest]
testpaths = tests
"""
OPTIONS = {"dispatched": "?kind=list", "managed": "?text=end", "reflected": "?shape=line"}


def write(folder: Path) -> None:
    """Write the application and its tests."""
    files = {**MODULES, **constants(), **lazy(), **{f"pipes/{name}.py": text for name, text in PIPES.items()}}
    files |= {f"templates/{name}": text for name, text in TEMPLATES.items()}
    stories: dict[str, list[Any]] = {"common": COMMON}
    for number in range(PLUGIN_COUNT):
        name, text, actions = plugin(number)
        files[f"plugins/{name}.py"] = text
        stories[name] = stories_of(name, actions)
    names = []
    for number in range(PAGE_COUNT):
        name, text, part, requests = page(number)
        names.append(name)
        files[f"pages/{name}.py"] = text
        files[f"templates/parts/{name}.html"] = part
        stories.setdefault(f"pages_{number // 3}", []).extend(requests)
    files["pages/__init__.py"] = PAGES.format(names=", ".join(f'"{name}"' for name in names))
    stories["pipes"] = [
        [("GET", f"/pipe/{name}/{number}{OPTIONS.get(name, '') if number == 5 else ''}")]
        for name in PIPES
        for number in (1, 4, 5, 12)
    ]
    write_files(folder / PACKAGE, files)
    write_files(folder / "tests", {"conftest.py": CONFTEST, **test_files(stories)})
    write_files(
        folder,
        {
            ".gitignore": IGNORED,
            "setup.cfg": CONFIGURATION,
            "requirements.txt": "flask>=3.0\n",
            "tests/__init__.py": "",
        },
    )


def stories_of(name: str, actions: list[str]) -> list[Any]:
    """The requests of the tests of a plugin."""
    stories: list[Any] = [
        [("GET", f"/do/{name}/show/3")],
        [("GET", f"/do/{name}/fields/1")],
        [("GET", f"/do/{name}/unknown/1"), ("GET", f"/do/{name}/none/1"), ("GET", f"/do/{name}/planted/1")],
    ]
    stories += [[("GET", f"/do/{name}/{action}/{number}")] for action in actions for number in (2, 7)]
    return stories


REGISTERED = Application(
    name="registered",
    title="Generated, with registries",
    factory=PACKAGE,
    sources=(PACKAGE,),
    write=write,
)
