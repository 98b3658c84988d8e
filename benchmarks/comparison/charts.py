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
from .works import WORKS

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
}
FONT = "sans-serif"


def style(colours: tuple[str, ...]) -> Style:
    """What all charts have in common."""
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
        "margin_bottom": 44,
        "show_x_guides": False,
        "disable_xml_declaration": True,
        **more,
    }


def write_charts(results: Mapping[str, Any], folder: Path) -> list[Path]:
    """Draw all charts of some results into a folder; the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, chart in all_charts(results):
        chart.add_xml_filter(without_scripts)
        file = folder / f"{name}.svg"
        file.write_text(chart.render() + "\n")
        files.append(file)
    return files


def all_charts(results: Mapping[str, Any]) -> Iterator[tuple[str, pygal.Graph]]:
    """The charts, by the names of their files."""
    for python, measured in results["pythons"].items():
        throughput = Throughput(measured.get("throughput", []))
        for level in throughput.levels:
            yield f"throughput-{python}-{level}", throughput_chart(python, throughput, level)


def throughput_chart(python: str, throughput: Throughput, level: str) -> pygal.Bar:
    """For each work, the throughput of the contestants beside the bare application's."""
    contestants = [name for name in throughput.contestants if name != "bare"]
    chart = pygal.Bar(
        **options(
            tuple(COLOURS[name] for name in contestants),
            title=f"Python {python}, {LEVELS[level].title}: throughput, the bare application's is 1",
            range=(0, 1.2),
            y_labels=[0, 0.25, 0.5, 0.75, {"value": 1, "label": "bare"}],
            y_labels_major=[1],
            spacing=8,
        )
    )
    chart.x_labels = [f"({WORKS[work].letter}) {work}" for work in throughput.works]
    for name in contestants:
        bars = [_bar(throughput.ratio(work, level, name)) for work in throughput.works]
        chart.add(CONTESTANTS[name].title, bars)
    return chart


def _bar(ratio: Ratio | None) -> dict[str, Any] | None:
    if ratio is None:
        return None
    return {"value": ratio.median, "ci": {"low": ratio.low, "high": ratio.high}}
