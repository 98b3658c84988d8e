"""A generated application of 100 modules in layers: blueprints, services, and hierarchies of classes."""

from __future__ import annotations

import random
from pathlib import Path

from ..base import IGNORED, Application, write_files
from ..stories import CONFTEST, test_files
from .areas import NAMES, Area, modules_of
from .core import MODULES
from .frame import TEMPLATES

PACKAGE = "shop"
COMMON = [
    [("GET", "/")],
    [("GET", "/nowhere"), ("GET", "/orders/nowhere/at/all"), ("POST", "/"), ("DELETE", "/orders/1")],
    [("GET", "/?lang=fr"), ("HEAD", "/orders/"), ("OPTIONS", "/orders/1")],
]
CONFIGURATION = """[coverage:run]
source = shop

[tool:pytest]
testpaths = tests
"""


def write(folder: Path) -> None:
    """Write the application and its tests."""
    files = dict(MODULES)
    files |= {f"templates/{name}": text for name, text in TEMPLATES.items()}
    stories = {"common": COMMON}
    for index, name in enumerate(NAMES):
        chance = random.Random(name)
        other = chance.choice(NAMES[:index]) if index and chance.random() < 0.6 else None
        modules, requests = modules_of(Area(name, other, chance))
        files |= modules
        stories[name] = requests
    files |= areas()
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


def areas() -> dict[str, str]:
    """The modules that gather all areas, in some groups."""
    files = {}
    groups = [NAMES[:7], NAMES[7:14], NAMES[14:]]
    for number, group in enumerate(groups):
        imports = "".join(f"from ..{name} import bp as {name}\n" for name in sorted(group))
        listed = ", ".join(group)
        files[f"areas/group_{number}.py"] = f'"""A group of areas."""\n\n{imports}\nGROUP = [{listed}]\n'
    imports = "".join(f"from .group_{number} import GROUP as group_{number}\n" for number in range(len(groups)))
    files["areas/__init__.py"] = f'"""All areas."""\n\n{imports}\nBLUEPRINTS = [*group_0, *group_1, *group_2]\n'
    return files


LAYERED = Application(
    name="layered",
    title="Generated, in layers",
    factory=PACKAGE,
    sources=(PACKAGE,),
    write=write,
)
