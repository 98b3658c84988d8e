"""The contexts of a report: by test, route or request, or none."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

from flask_livecoverage.errors import ConfigurationError
from flask_livecoverage.exports.reports import open_reports
from flask_livecoverage.model.records import Run

from ..support.runs import DEEP, FLAT, STARTUP, make_run, trace
from .reading import lines_by_context


def tags(page: str) -> list[str]:
    found = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: found.append(tag)  # type: ignore[method-assign]
    parser.feed(page)
    parser.close()
    return found


class TestContexts:
    @pytest.mark.parametrize(
        ("contexts", "expected"),
        [
            ("test", {"(startup)": STARTUP, "login": FLAT, "(no test)": DEEP}),
            ("route", {"(startup)": STARTUP, "GET /<int:n>": [5, 6, 7]}),
            ("request", {"(startup)": STARTUP, "run-0 GET /0": FLAT, "run-1 GET /1": DEEP}),
            ("none", {"": [1, 4, 5, 6, 7, 10]}),
            (None, {"(startup)": STARTUP, "login": FLAT, "(no test)": DEEP}),
        ],
    )
    def test_lines_count_where_they_ran(
        self, run: Run, tmp_path: Path, contexts: str | None, expected: dict[str, list[int]]
    ) -> None:
        with open_reports([run], contexts=contexts) as reports:
            assert lines_by_context(reports.data(), tmp_path) == expected

    def test_default_is_route_where_no_request_names_a_test(self, source: Path, tmp_path: Path) -> None:
        with open_reports([make_run((None, trace(source, FLAT)), root=tmp_path)]) as reports:
            assert lines_by_context(reports.data(), tmp_path) == {"GET /<int:n>": FLAT}

    def test_error_for_unknown_contexts_lists_the_valid_ones(self, run: Run) -> None:
        with (
            pytest.raises(ConfigurationError, match="unknown contexts 'user': choose test, route, request or none"),
            open_reports([run], contexts="user"),
        ):
            pass

    def test_of_lines_recorded_before_a_reset_those_of_import_time_are_kept(self, source: Path, tmp_path: Path) -> None:
        old = trace(source, [*STARTUP, *FLAT])
        run = Run("run", [], [], {old.id: old}, before_reset=[old.id])
        with open_reports([run]) as reports:
            assert lines_by_context(reports.data(), tmp_path) == {"(startup)": STARTUP}

    @pytest.mark.parametrize("name", ["</script><script>alert(1)</script>", "<!--<script>"])
    def test_clients_cannot_break_out_of_the_html_report(self, source: Path, tmp_path: Path, name: str) -> None:
        pages = []
        for test in (name, "harmless"):
            with open_reports([make_run((test, trace(source, FLAT)), root=tmp_path)]) as reports:
                pages.append(next(reports.html(tmp_path / "html").parent.glob("*app_py.html")).read_text())
        attacked, harmless = pages
        assert "<!--" not in attacked
        assert tags(attacked) == tags(harmless)
