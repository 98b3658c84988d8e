"""The directive ``settings``: a table of all settings, made from ``flask_livecoverage.settings``."""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from flask_livecoverage import settings


def default(setting: settings.Setting) -> str:
    """Return the text of the column for the default."""
    return "none" if setting.default in (None, ()) else f"``{setting.default}``"


def table_lines() -> list[str]:
    """The table in reStructuredText."""
    lines = [".. list-table::", "   :header-rows: 1", "   :widths: 36 18 46", ""]
    rows = [("Key", "Default", "Meaning")]
    rows += [(f"``{setting.key}``", default(setting), setting.help) for setting in settings.SETTINGS]
    for row in rows:
        for cell, mark in zip(row, ("*", " ", " "), strict=True):
            lines.append(f"   {mark} - {cell}")
    return lines


class SettingsTable(SphinxDirective):
    """``.. settings::``"""

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(settings.__file__)
        return self.parse_text_to_nodes("\n".join(table_lines()))


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("settings", SettingsTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
