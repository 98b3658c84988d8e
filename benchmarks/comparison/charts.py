"""Draws the charts that the documentation shows: SVG without scripts, readable on light and on dark pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import pygal
from pygal.style import Style

from .contestants import CONTESTANTS
from .figures import Ratio, Throughput
from .measure import LEVELS
from .workloads import WORKLOADS

# A grey that stands out from white and from near black alike.
GREY = "#7d7d7d"
COLOURS = {
    "livecov": "#e4572e",
    "coverage-ctrace": "#1f78b4",
    "coverage-sysmon": "#6cb4e4",
    "slipcover": "#3d9a5b",
    "coverage-request": "#9467bd",
    "trace": "#b8860b",
    "flask-coverage": "#17a2a2",
    "events": "#9a9a9a",
}
# The colours of the results for a request.
OUTCOMES = {"right": "#3d9a5b", "wrong": "#d62728", "missing": "#e8a33d", "failed": "#8c8c8c"}
PYTHON_COLOURS = ("#1f78b4", "#e8a33d", "#3d9a5b", "#9467bd", "#d62728")
GROWTH = {
    "functions": "the functions of the application",
    "in_flight": "the requests open, of which one is measured",
    "threads": "the threads that make requests at once",
    "traces": "the distinct traces, each for the first time",
    "known_traces": "the distinct traces, each known before",
}
# One level is the interpreter's cost alone, the others are servers as in development and as in production.
THROUGHPUT_LEVELS = ("wsgi-1", "werkzeug-1", "gunicorn-4")
FONT = "sans-serif"


def style(colours: tuple[str, ...]) -> Style:
    """The style of all charts."""
    return Style(
        background="transparent",
        plot_background="transparent",
        foreground=GREY,
        foreground_strong=GREY,
        foreground_subtle=GREY,
        colors=colours,
        opacity="1",
        opacity_hover="1",
        transition="0s",
        font_family=FONT,
        title_font_family=FONT,
        label_font_family=FONT,
        major_label_font_family=FONT,
        legend_font_family=FONT,
        value_font_family=FONT,
        tooltip_font_family=FONT,
        title_font_size=17,
        label_font_size=13,
        major_label_font_size=13,
        legend_font_size=13,
        value_colors=(GREY,),
        guide_stroke_color=f"{GREY}55",
        major_guide_stroke_color=GREY,
    )


def without_scripts(root: Element) -> Element:
    """The drawing alone: pygal adds a script for its tooltips, and comments with addresses."""
    for parent in list(root.iter()):
        for child in list(parent):
            # A comment's tag is the function that makes comments.
            if not isinstance(child.tag, str) or child.tag.endswith("script"):
                parent.remove(child)
    return root


def options(colours: tuple[str, ...], **more: Any) -> dict[str, Any]:
    """The configuration of a chart."""
    return {
        "style": style(colours),
        "js": [],
        "width": 900,
        "height": 380,
        "legend_at_bottom": True,
        "legend_at_bottom_columns": 4,
        "legend_box_size": 12,
        "margin": 12,
        "margin_bottom": 30,
        "show_x_guides": False,
        "disable_xml_declaration": True,
        **more,
    }


def write_charts(results: Mapping[str, Any], folder: Path) -> None:
    """Draw all charts of some results into a folder, in place of those that are there."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.svg"):
        old.unlink()
    for name, chart in all_charts(results):
        chart.add_xml_filter(without_scripts)
        # Else it is random, and each drawing of the same figures another file.
        chart.uuid = name.replace(".", "_")
        (folder / f"{name}.svg").write_text(chart.render() + "\n")


def all_charts(results: Mapping[str, Any]) -> Iterator[tuple[str, pygal.Graph]]:
    """The charts, by the names of their files."""
    pythons = results["pythons"]
    for python, measured in pythons.items():
        throughput = Throughput(measured.get("throughput", []))
        for level in THROUGHPUT_LEVELS:
            if level in throughput.levels:
                yield f"throughput-{python}-{level}", throughput_chart(python, throughput, level)
        if "overlap" in measured and "error" not in measured["overlap"]:
            yield f"overlap-{python}", overlap_chart(python, measured["overlap"])
    grown = {python: measured["growth"] for python, measured in pythons.items() if "growth" in measured}
    grown = {python: found for python, found in grown.items() if "error" not in found}
    for kind in next(iter(grown.values()), {}):
        yield f"growth-{kind}", growth_chart(kind, grown)


def throughput_chart(python: str, throughput: Throughput, level: str) -> pygal.Bar:
    """For each workload, the throughput of the contestants beside the bare application's."""
    contestants = [name for name in throughput.contestants if name != "bare"]
    ratios = {
        name: [throughput.ratio(workload, level, name) for workload in throughput.workloads] for name in contestants
    }
    highest = max((ratio.high for row in ratios.values() for ratio in row if ratio), default=1)
    chart = pygal.Bar(
        **options(
            tuple(COLOURS[name] for name in contestants),
            title=f"Python {python}, {LEVELS[level].title}: throughput, bare = 1",
            range=(0, max(1.1, highest + 0.05)),
            y_labels=[0, 0.25, 0.5, 0.75, {"value": 1, "label": "bare"}],
            y_labels_major=[1],
            spacing=8,
        )
    )
    chart.x_labels = [WORKLOADS[workload].label for workload in throughput.workloads]
    for name in contestants:
        chart.add(CONTESTANTS[name].title, [_bar(ratio) for ratio in ratios[name]])
    return chart


def _bar(ratio: Ratio | None) -> dict[str, Any] | None:
    return _marked(ratio.median, ratio.low, ratio.high) if ratio else None


def _marked(value: float, low: float, high: float) -> dict[str, Any]:
    """A value with marks at the ends of its spread."""
    return {"value": value, "ci": {"low": low, "high": high}}


def overlap_chart(python: str, overlap: Mapping[str, Any]) -> pygal.HorizontalStackedBar:
    """The shares of right, wrong and missing records of each contestant, in each situation."""
    found = [
        (f"{CONTESTANTS[name].title}, {situation}", counts)
        for name, situations in overlap["contestants"].items()
        for situation, counts in situations.items()
    ]
    # The first is drawn lowest.
    found.reverse()
    chart = pygal.HorizontalStackedBar(
        **options(
            tuple(OUTCOMES.values()),
            title=f"Python {python}: records of {overlap['requests']:,} requests, in per cent",
            range=(0, 100),
            height=130 + 26 * len(found),
            legend_at_bottom_columns=len(OUTCOMES),
            margin_bottom=16,
        )
    )
    chart.x_labels = [label for label, _ in found]
    for outcome in OUTCOMES:
        chart.add(outcome, [100 * counts.get(outcome, 0) / overlap["requests"] for _, counts in found])
    return chart


def growth_chart(kind: str, grown: Mapping[str, Any]) -> pygal.Bar:
    """The additional cost of a request beside the bare application, by the size of something, for each Python."""
    chart = pygal.Bar(
        **options(
            PYTHON_COLOURS,
            title=f"µs that a request costs more, by {GROWTH.get(kind, kind)}",
            height=300,
            include_x_axis=True,
            margin_bottom=26,
            spacing=20,
        )
    )
    sizes = list(dict.fromkeys(size for found in grown.values() for size in found[kind]))
    chart.x_labels = [f"{int(size):,}" for size in sizes]
    for python, found in grown.items():
        bars = [found[kind].get(size) for size in sizes]
        chart.add(f"Python {python}", [bar and _marked(bar["us"], *bar["us_quartiles"]) for bar in bars])
    return chart
