"""The figures of the experiment: by application, and by kind of mutation."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..comparison.tables import Table
from .known import NOT_STARTED

HEADERS = (
    "", "Mutants", "Not starting", "Changed outcomes", "Missed", "Tests changed, mean", "Tests selected, mean",
    "Median", "Time selected, mean", "All selected",
)  # fmt: skip
# These kinds change nothing that runs, or what is not measured: they are not in the figures of changed code.
OTHER_KINDS = {"comment or layout", "requirements", "data file", "the suite", "docstring"}
# Most of these are within functions.
INNER_KINDS = {
    "operator", "constant", "call", "condition", "name or attribute", "return", "statement deleted", "statement added",
    "statements reordered", "loop or handler",
}  # fmt: skip

Results = Sequence[dict[str, Any]]


def row(title: str, results: Results) -> list[str]:
    """The figures of some mutants."""
    ran = [result for result in results if result["status"] != NOT_STARTED]
    counts = [
        len(results),
        len(results) - len(ran),
        sum(result["changed"] > 0 for result in ran),
        sum(result["missed"] > 0 for result in results),
    ]
    shares = [
        mean(ran, "changed_share"),
        mean(ran, "tests_share"),
        percent(statistics.median(result["tests_share"] for result in ran)) if ran else "",
        mean(ran, "seconds_share"),
        mean(ran, "all"),
    ]
    return [title, *(f"{count:,}" for count in counts), *shares]


def mean(results: Results, name: str) -> str:
    """The mean of a share."""
    return percent(statistics.mean(float(result[name]) for result in results)) if results else ""


def percent(share: float) -> str:
    """A share, in percent."""
    return f"{100 * share:.1f}%" if share < 0.1 else f"{100 * share:.0f}%"


def grouped(results: Results, key: Callable[[dict[str, Any]], str]) -> list[tuple[str, Results]]:
    """The results by a key, in the order of the first of each."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for result in results:
        groups.setdefault(key(result), []).append(result)
    return list(groups.items())


def tables(results: dict[str, Any]) -> Iterable[Table]:
    """The tables of applications, for all changes and those of statements, and the table of kinds."""
    mutants, titles = results["mutants"], {name: facts["title"] for name, facts in results["applications"].items()}
    code = [result for result in mutants if result["kind"] not in OTHER_KINDS]
    inner = [result for result in mutants if result["kind"] in INNER_KINDS]
    without = row("... without those of requirements, data, the suite, comments and docstrings", code)
    yield Table("All changes", HEADERS, [*by_application(mutants, titles), without])
    yield Table("Changes of expressions and statements", HEADERS, by_application(inner, titles))
    yield Table("By kind of change", HEADERS, [row(kind, group) for kind, group in sorted(by_kind(mutants))])


def by_application(mutants: Results, titles: dict[str, str]) -> list[list[str]]:
    """The figures of each application, and those of all."""
    groups = grouped(mutants, lambda result: result["application"])
    return [*(row(titles[name], group) for name, group in groups), row("All", mutants)]


def by_kind(mutants: Results) -> list[tuple[str, Results]]:
    """The mutants by their kind."""
    return grouped(mutants, lambda result: result["kind"])


def circumstances(results: dict[str, Any]) -> str:
    """The setting: Python, the seed, the judge, and the extent of each application."""
    lines = [
        f"{results['date']}, Python {results['python']}, Flask {results['flask']}, seed {results['seed']}, judge "
        f"*{results['judge']}*."
    ]
    for facts in results["applications"].values():
        lines.append(
            f"{facts['title']}: {facts['modules']} modules, {facts['templates']} templates, {facts['lines']:,} lines, "
            f"{facts['tests']} tests of {facts['seconds']:.1f} s."
        )
    return "\n\n".join(lines)


def silent(results: dict[str, Any]) -> str:
    """The number of mutants with which the application does not start, and of those that were missed."""
    broken = [result for result in results["mutants"] if result["status"] == NOT_STARTED]
    wrong = sum(result["missed"] > 0 for result in broken)
    return (
        f"With {len(broken):,} mutants, the application does not start, which changes the outcomes of all tests; for "
        f"{wrong:,} of these, a test was missed."
    )


def missed(results: dict[str, Any]) -> list[str]:
    """A line for each mutant with missed tests."""
    return [
        f"{result['application']} {result['number']} ({result['title']}): {result['missed']} missed, such as "
        f"{result['first_missed']}" + ("" if result["missed_alone"] else " (passes alone)")
        for result in results["mutants"]
        if result["missed"]
    ]
