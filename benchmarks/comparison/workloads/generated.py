"""Writes an application of any number of functions, of which a request runs some twenty.

The path ``/item/NUMBER`` decides which: the same number runs the same lines, and other numbers other ones.
"""

from __future__ import annotations

from pathlib import Path

PACKAGE = "large_application"
ENTRY = "run"

APPLICATION = '''"""Made by the benchmark: {functions} functions in {modules} modules."""

import importlib

from flask import Flask

app = Flask(__name__)
PARTS = [importlib.import_module(f"{{__name__}}.part_{{number}}") for number in range({modules})]


@app.get("/item/<int:number>")
def item(number):
    value = number
    for step in range(4):
        part = PARTS[(number * 7 + step * 13) % len(PARTS)]
        value = part.run(value, number)
    return str(value)
'''

FUNCTION = """
def step_{number}(value):
    if value % {divisor} == 0:
        value += {number}
    elif value % 2:
        value -= {divisor}
    parts = [part * {factor} for part in range(4) if part != value % 4]
    return (value + sum(parts)) % 10007

"""

RUN = """
STEPS = [{steps}]


def run(value, number):
    for offset in range(4):
        value = STEPS[(number + 3 * offset) % len(STEPS)](value)
    return value
"""


def write_application(folder: Path, functions: int = 2000, modules: int = 100) -> Path:
    """Write the package into ``folder``, unless it exists; the folder."""
    package = folder / PACKAGE
    if not package.exists():
        package.mkdir(parents=True)
        for number in range(modules):
            (package / f"part_{number}.py").write_text(_part(number, functions // modules))
        (package / "__init__.py").write_text(APPLICATION.format(functions=functions, modules=modules))
    return folder


def _part(module: int, functions: int) -> str:
    # One of them is the one that runs the others.
    numbers = range(functions - 1)
    text = [
        FUNCTION.format(number=number, divisor=2 + (module + number) % 5, factor=3 + number % 7) for number in numbers
    ]
    steps = ", ".join(f"step_{number}" for number in numbers)
    return f'"""Part {module}."""\n\n' + "".join(text) + RUN.format(steps=steps)
