"""Makes the tables of ``results.md`` and of the documentation from the measured data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .contestants import CONTESTANTS
from .figures import TIME_AIM, Aim, Ratio, Throughput, aims
from .measure import LEVELS
from .overlap import SITUATIONS
from .parts import PARTS
from .tables import Table
from .workloads import WORKLOADS

Results = Mapping[str, Any]

OVERLAPPING = {situation.name for situation in SITUATIONS if situation.threads > 1}

QUICK_WARNING = "Made by a smoke run, in which nothing is measured long enough: these figures mean nothing."


def markdown(results: Results) -> str:
    """The whole of ``results.md``."""
    parts = ["# Flask-LiveCoverage beside what people would use instead"]
    parts += [f"**{QUICK_WARNING}**"] if results["quick"] else []
    parts += circumstances(results)
    parts += ["## What is compared", workloads_table().markdown(), contestants_table(results).markdown()]
    parts += ["## What was wanted, and what is reached", *(table.markdown() for table in aim_tables(results))]
    for python, measured in results["pythons"].items():
        parts.append(f"## Python {measured['version']}")
        parts += [table.markdown() for table in python_tables(python, measured)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def circumstances(results: Results) -> Iterator[str]:
    """The circumstances of the measurement."""
    plan = results["plan"]
    yield (
        f"{results['date']}, {results['machine']}. Rounds of {plan['seconds']:g} seconds: {plan['rounds']}, of which "
        f"{plan['rival_rounds']} with the rivals; seed {plan['seed']}."
    )
    yield (
        "Figures are shares of the bare application's throughput in the same round: 1.00 is no cost. They are medians "
        "over the rounds, with the quartiles in brackets. Requests that failed do not count. "
        "``benchmarks/results.json`` has every round."
    )
    for measured in results["pythons"].values():
        packages = ", ".join(f"{name} {version}" for name, version in measured["packages"].items() if version)
        extensions = "compiled" if measured["compiled"] else "left out, so Python code does the same"
        yield f"Python {measured['version']}: {packages}. Flask-LiveCoverage's C extensions are {extensions}."


def workloads_table() -> Table:
    """The applications."""
    rows = [[workload.label, workload.title] for workload in WORKLOADS.values()]
    return Table("The applications", ["", "What it is"], rows, text_columns=2)


def contestants_table(results: Results) -> Table:
    """The properties of each contestant; its wrong records are measured."""
    rows = [
        [
            contestant.title,
            " to ".join("{}.{}".format(*version) for version in contestant.versions),
            contestant.note,
            "yes" if contestant.per_request else "no",
            _not_right(results, contestant.name) if contestant.per_request else "no records",
        ]
        for contestant in CONTESTANTS.values()
    ]
    headers = ["", "Python", "What it gives", "Records of requests", "Not right when four overlapped"]
    return Table("What each can do", headers, rows, text_columns=len(headers))


def _not_right(results: Results, contestant: str) -> str:
    """The number of overlapping requests without a right record, and of all."""
    found = [
        (overlap["requests"], counts.get("right", 0))
        for overlap in (measured.get("overlap", {}) for measured in results["pythons"].values())
        for situation, counts in overlap.get("contestants", {}).get(contestant, {}).items()
        if situation in OVERLAPPING
    ]
    made = sum(requests for requests, _ in found)
    return f"{made - sum(right for _, right in found):,} of {made:,}" if made else "not measured"


def aim_tables(results: Results) -> Iterator[Table]:
    """The aims of the project, in one table for each Python."""
    for python, measured in results["pythons"].items():
        found = list(aims(python, Throughput(measured.get("throughput", []))))
        if found:
            yield _aim_table(python, found)


def _aim_table(python: str, found: list[Aim]) -> Table:
    bare = found[0].beside == "bare"
    beside = "the bare application" if bare else f"coverage run, whose time may be exceeded {TIME_AIM:g} times"
    reached = sum(aim.reached for aim in found)
    rows = [
        [
            WORKLOADS[aim.workload].label,
            LEVELS[aim.level].title,
            f"{aim.wanted:.2f}",
            str(aim.figure or "not measured"),
            "yes" if aim.reached else f"no, {aim.missing:.1%} less",
            *(f"{figure:.0f}" if figure is not None else "not measured" for figure in (aim.allowed, aim.cost)),
        ]
        for aim in found
    ]
    headers = ["Work", "Level", "Wanted", "Measured", "Reached", "µs more, wanted", "µs more, measured"]
    title = f"Python {python}, throughput beside that of {beside}: {reached} of {len(found)} reached"
    return Table(title, headers, rows, text_columns=2)


def python_tables(python: str, measured: Mapping[str, Any]) -> Iterator[Table]:
    """All that was measured with one Python."""
    yield from throughput_tables(python, measured, str)
    for name, part in PARTS.items():
        if name in measured:
            yield from part.tables(measured[name], python)


def throughput_tables(python: str, measured: Mapping[str, Any], shown: Callable[[Ratio], str]) -> Iterator[Table]:
    """A table for each level, of ratios as they are ``shown``: workloads are rows, contestants are columns."""
    throughput = Throughput(measured.get("throughput", []))
    for level in throughput.levels:
        contestants = [name for name in throughput.contestants if name != "bare"]
        headers = ["", "bare, requests/s", *(CONTESTANTS[name].title for name in contestants)]
        rows = [_throughput_row(throughput, workload, level, contestants, shown) for workload in throughput.workloads]
        yield Table(f"Python {python}, {LEVELS[level].title}", headers, rows, list(_errors(throughput, level)))


def _throughput_row(
    throughput: Throughput, workload: str, level: str, contestants: list[str], shown: Callable[[Ratio], str]
) -> list[str]:
    rate = throughput.rate(workload, level, "bare")
    cells = [_throughput_cell(throughput, workload, level, name, shown) for name in contestants]
    return [WORKLOADS[workload].label, f"{rate:,.0f}" if rate else "none", *cells]


def _throughput_cell(
    throughput: Throughput, workload: str, level: str, contestant: str, shown: Callable[[Ratio], str]
) -> str:
    ratio = throughput.ratio(workload, level, contestant)
    failed = throughput.failed(workload, level, contestant)
    text = shown(ratio) if ratio else "none"
    return f"{text}; {failed:.0%} failed" if failed else text


def _errors(throughput: Throughput, level: str) -> Iterator[str]:
    for contestant in throughput.contestants:
        for workload in throughput.workloads:
            error = throughput.error(workload, level, contestant)
            if error:
                yield f"{CONTESTANTS[contestant].title}, {WORKLOADS[workload].label}: {error}."
