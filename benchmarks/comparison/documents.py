"""Writes the files that ``docs/performance.rst`` includes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from .charts import all_charts
from .parts import PARTS
from .report import QUICK_WARNING, aim_tables, circumstances, contestants_table, throughput_tables, workloads_table
from .tables import Table


def write_documents(results: Mapping[str, Any], folder: Path) -> None:
    """Write each of them into a folder, beside the charts."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in documents(results):
        (folder / f"{name}.txt").write_text(text.strip() + "\n")


def documents(results: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The texts, by the names of their files."""
    titles = {name: chart.config.title for name, chart in all_charts(results)}
    yield "circumstances", _circumstances(results)
    yield "workloads", workloads_table().rst()
    yield "contestants", contestants_table(results).rst()
    yield "aims", _tables(aim_tables(results))
    yield "charts", "\n".join(_images(titles, "throughput"))
    yield (
        "throughput",
        _tables(
            table
            for python, measured in results["pythons"].items()
            for table in throughput_tables(python, measured, lambda ratio: ratio.short)
        ),
    )
    for name in PARTS:
        yield name, "\n\n".join([*_images(titles, name), _tables(_part_tables(results, name))])


def _circumstances(results: Mapping[str, Any]) -> str:
    warning = f".. warning:: {QUICK_WARNING}\n\n" if results["quick"] else ""
    return warning + "\n\n".join(circumstances(results))


def _tables(tables: Iterable[Table]) -> str:
    return "\n\n".join(table.rst().strip() for table in tables)


def _images(titles: Mapping[str, str], kind: str) -> Iterator[str]:
    for name, title in titles.items():
        if name.startswith(f"{kind}-"):
            yield f".. image:: performance/{name}.svg\n    :alt: {title}\n"


def _part_tables(results: Mapping[str, Any], name: str) -> Iterator[Table]:
    for python, measured in results["pythons"].items():
        if name in measured:
            yield from PARTS[name].tables(measured[name], python)
