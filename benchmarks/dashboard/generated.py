"""Generates an application of many files, and traces of requests to it."""

from __future__ import annotations

import random
from pathlib import Path

from flask_livecoverage.model.bitmap import to_bitmap
from flask_livecoverage.model.records import FileLines, Trace
from flask_livecoverage.sources.content import content_hash


def make_source(number: int, rng: random.Random) -> str:
    """A module of some 150 lines: functions with branches, and a call over several lines."""
    parts = [f'"""Module {number}."""\n']
    for function in range(12):
        parts.append(
            f"def function_{function}(value):\n"
            f"    total = {rng.randrange(100)}\n"
            "    for item in range(value):\n"
            "        if item % 2:\n"
            "            total += item\n"
            "        else:\n"
            "            total -= item\n"
            "    result = dict(\n"
            "        total=total,\n"
            "        value=value,\n"
            "    )\n"
            "    return result\n"
        )
    return "\n".join(parts)


def make_files(folder: Path, count: int, rng: random.Random) -> list[Path]:
    """Write a number of modules into ``folder``; return their paths."""
    paths = []
    for number in range(count):
        path = folder / f"package_{number % 25}" / f"module_{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(make_source(number, rng))
        paths.append(path)
    return paths


def make_traces(paths: list[Path], count: int, rng: random.Random) -> list[Trace]:
    """Distinct traces, of 20 files each, most of them those that all requests pass."""
    contents = {path: content_hash(str(path)) for path in paths}
    traces: dict[str, Trace] = {}
    while len(traces) < count:
        chosen = {paths[int(len(paths) * rng.random() ** 2)] for _ in range(20)}
        files = {}
        for path in chosen:
            functions = rng.sample(range(12), 3)
            lines = {3 + 13 * function + line for function in functions for line in range(1, 12) if rng.random() < 0.8}
            files[str(path)] = FileLines(contents[path], to_bitmap(lines | {4}))
        trace = Trace.of(files)
        traces[trace.id] = trace
    return list(traces.values())
