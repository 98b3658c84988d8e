"""Hypothesis strategies: sets of lines, suites, traffic, names, and invalid requests.

Strategies that several tests use, or that have rules of their own, are here; one-line strategies stay in their tests.
"""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder

from flask_livecoverage.control.application import DUMP_FORMATS
from flask_livecoverage.journal import format as journal_format
from flask_livecoverage.model.bitmap import to_bitmap
from flask_livecoverage.model.outcomes import OUTCOMES, Outcome
from flask_livecoverage.model.records import FileLines, Process, Trace

# Lines

line_sets = st.sets(st.integers(1, 5000))
"""The lines of a file, as a set."""

distinct_bitmaps = st.lists(st.integers(1, 2**10 - 1), max_size=20, unique=True)
"""Different sets of lines as bitmaps, none of them empty; many lie within others."""

# Suites and traffic


def drawn_suites(
    largest: int = 12, highest_line: int = 12
) -> st.SearchStrategy[dict[str, tuple[frozenset[int], float]]]:
    """Small suites, name → lines and milliseconds; duplicates, subsets and tests without lines are common."""
    names = st.integers(1, 30).map("test-{}".format)
    lines = st.frozensets(st.integers(1, highest_line), max_size=6)
    durations = st.sampled_from([0.0, 1.0, 1.5, 2.0, 10.0])
    return st.dictionaries(names, st.tuples(lines, durations), max_size=largest)


preferences = st.sampled_from(["natural", "fastest", "keploy"])
"""Which of several duplicates stays."""

routes = st.sampled_from([f"GET /{number}" for number in range(12)])
"""Routes of a small application."""

function_lines = st.sets(st.integers(0, 59), max_size=12).map(to_bitmap)
"""Lines of a file of six functions, as a bitmap."""

# Few files, lines and moments, so that all of them meet.
_few_lines = st.integers(0, 255)
lines_over_time = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("pqrst"), _few_lines), max_size=12)
"""What ran one after the other: a file, a trace and the lines."""

start_up_lines = st.lists(st.tuples(st.sampled_from("ab"), _few_lines), max_size=3)
"""What ran before any request: a file and the lines."""

sizes = st.lists(st.integers(1, 1000), min_size=1, max_size=40).map(lambda found: sorted(found, reverse=True))
"""Sizes of files, largest first."""

recorded_edits = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 2), st.sets(st.integers(1, 7))), max_size=8)
"""Requests to files that are edited in between: the file, its content then, and the lines that ran."""

_ref_parts = st.sampled_from(
    ["HEAD", "main", "@", "~", "^", "{", "}", ":", "/", "..", "-", "--", "=", "output", "0", "a", ";", " ", "\n"]
)
refs = st.text(max_size=12) | st.lists(_ref_parts, max_size=5).map("".join)
"""What a client may name in place of a commit; some of them name one."""

# Names

# Long ones are repeated, because those are quickly drawn, and quickly made smaller.
node_ids = st.builds(
    lambda text, times, end: text * times + end,
    st.text(max_size=3) | st.sampled_from(["a", "é", "→", "\U0001f600", "\n", " "]),
    st.sampled_from([0, 1, 100, 300, 449, 450, 899, 900, 901, 1001]),
    st.text(max_size=3),
)
"""Ids as pytest could give them to tests, up to and beyond the longest name that a server takes."""

# As YAML must quote them, or people write them.
_yaml_names = st.one_of(
    st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn"), exclude_characters="\x85\u2028\u2029"), min_size=1),
    st.sampled_from(
        ["on", "12", "null", "~", "1.5", "a: b", "- a", "#", "test-1", "test-10", "set/test", "a/b/c", "<<"]
    ),
)
_executed_lines = st.dictionaries(_yaml_names, st.lists(st.integers(0, 400), unique=True), max_size=3)
_parts = st.text("abc0189-_ .", min_size=1).filter(lambda text: text.strip(" ."))

flat_dedups = st.dictionaries(_yaml_names, _executed_lines, max_size=5)
"""What a ``dedupData.yaml`` holds: test → file → lines. Some tests may be called as if they were in sets."""

nested_dedups = st.dictionaries(st.tuples(_parts, _parts).map("/".join), _executed_lines, min_size=1, max_size=5)
"""The same where each test is in a set: ``set/test``."""

# Outcomes

# Few names and moments, so that many outcomes are of the same test, and some at the same time.
_files = st.lists(st.sampled_from(["tests/test_a.py", "conftest.py", "é/x.py"]), unique=True, max_size=2).map(tuple)
outcomes = st.builds(
    Outcome,
    test=st.sampled_from(["a", "a > b", "b", "é[\n]", "→"]),
    outcome=st.sampled_from(OUTCOMES),
    duration_ms=st.none() | st.floats(0, 1e9) | st.sampled_from([0.0, 1.5]),
    at=st.sampled_from([0.0, 1.0, 1.25, 2.0, 1e9]),
    files=_files,
)
"""Outcomes of a few tests, in the order in which they were reported."""

# Requests to the control routes. As WSGI has bytes: a character for each.

CONTROL_PREFIX = "/__coverage__"
_octets = st.binary(max_size=40).map(lambda data: data.decode("latin-1"))
_ROUTES = [
    "start", "stop", "outcome", "dump", "reset", "status", "requests", "requests/", "requests/aaaaaaaa-1", "tests", "",
    "x",
]  # fmt: skip
_PAGES = [
    "", "ui/files", "ui/files/x", "ui/requests", "ui/tests", "ui/routes", "ui/lines", "ui/compare", "ui/duplicates",
    "ui/priorities", "ui/runs", "ui/change", "ui/compare-runs",
]  # fmt: skip
_ACTIONS = ["ui/start", "ui/stop", "ui/reset", "ui", "ui/static/icon.svg"]
_NUMBERS = ["0", "-1", "1e400", "NaN", "inf", "9" * 400, "1_0", "\u0664", "0x10", " 5", "+5", "5.0"]
_DATES = ["2026-02-30", "0001-01-01", "9999-12-31T23:59:59", "2026-11-21T10:30+25:00", "999999999d", "10m", "0s", "1e9"]
_HOSTILE = [
    "%00", "%ff%fe", "%ed%a0%80", "%e2%80%ae", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "%1b%5b2J", "%0d%0aSet-Cookie:%20a=b",
    "</script><script>alert(1)</script>", "' OR 1=1 --", "{{7*7}}", "${jndi:x}", "a/b", "..", "%", "%zz", "%25%32%65",
    "x" * 1001, "x" * 100_000, "%F0%9F%98%80" * 300,
]  # fmt: skip
_names = (
    st.sampled_from(["name", "format", "reset", "contexts", "limit", "test", "route", "status", "since"])
    | st.sampled_from(["outcome", "duration_ms", "file", "summary"])
    | st.sampled_from(["sort", "page", "q", "request", "of", "show", "heat", "line", "by", "groups", "run", "base"])
    | _octets
)
_values = (
    st.sampled_from([*DUMP_FORMATS, *OUTCOMES, "none", "request", "1", "true", "maybe", "404", "4xx", "tea"])
    | st.sampled_from(_NUMBERS + _DATES + _HOSTILE).map(lambda text: text.encode().decode("latin-1"))
    | _octets
)
_pairs = st.tuples(_names, _values).map("=".join)
_queries = (
    st.lists(_pairs, max_size=4).map("&".join)
    | _octets
    | st.sampled_from(["&".join(f"p{n}=1" for n in range(1000)), "name=" + "x" * 100_000, "&" * 1000, "=" * 1000])
)
_control_routes = st.sampled_from(_ROUTES + _PAGES + _ACTIONS).map(lambda route: f"{CONTROL_PREFIX}/{route}") | st.just(
    "/shutdown"
)
_ends = _octets | st.sampled_from(["/", "//", "/../status", "/%2e%2e/x", "/\0", "/" * 500])
_paths = st.tuples(_control_routes, _ends).map("".join)
_methods = st.sampled_from(["HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "get", "", "\x1b[2J"]) | _octets
_MULTIPART = (
    b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nx\r\n--b--\r\n',
    b'--b\r\nContent-Disposition: form-data; name="name"; filename="../../x"\r\n\r\nx\r\n--b--\r\n',
    b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\n' + b"x" * 100_000,
    b'--b\r\nContent-Disposition: form-data; name="n"\r\n\r\n\r\n' * 100,
    b"--b\r\n\r\n", b"--b", b"\xff" * 100,
)  # fmt: skip
_bodies = st.sampled_from(
    [b"name=x", b"\xff=\xff", b"name=%ff", b"a=b&" * 30_000, b'{"name": "x"}', *_MULTIPART]
) | st.binary(max_size=60)
_FORMS = ["application/x-www-form-urlencoded", "multipart/form-data; boundary=b"]
_content_types = st.sampled_from(
    [
        *_FORMS, "multipart/form-data", "multipart/form-data; boundary=\xff", "application/json",
        "text/plain; charset=utf-16", "",
    ]
) | _octets  # fmt: skip
_headers = st.dictionaries(
    st.sampled_from(
        [
            "HTTP_RANGE", "HTTP_X_HTTP_METHOD_OVERRIDE", "HTTP_ACCEPT", "HTTP_COOKIE", "HTTP_LIVECOV_TEST",
            "HTTP_IF_NONE_MATCH", "HTTP_ORIGIN", "HTTP_HOST", "HTTP_AUTHORIZATION", "HTTP_SEC_FETCH_SITE", "HTTP_TE",
            "HTTP_X_FORWARDED_FOR", "HTTP_CONTENT_ENCODING", "HTTP_TRANSFER_ENCODING", "SERVER_NAME", "SERVER_PORT",
        ]
    ),
    _octets | st.sampled_from(["POST", "localhost", "chunked", "gzip", "Bearer \u0105", "\ud800", "9" * 5000]),
    max_size=3,
)  # fmt: skip
_lengths = st.sampled_from(["", "0", "1", "99999999999", "-1", "x", "9" * 5000])


@st.composite
def control_environs(draw: st.DrawFn) -> dict[str, Any]:
    """Requests that are odd in some ways and valid in others. One that is odd in all is refused before it is read."""

    def odd(strategy: st.SearchStrategy[Any], valid: st.SearchStrategy[Any]) -> Any:
        return draw(strategy if draw(st.integers(0, 3)) == 0 else valid)

    builder = EnvironBuilder()
    environ = builder.get_environ()
    builder.close()
    body = odd(_bodies, st.just(b""))
    environ |= {
        "REMOTE_ADDR": "127.0.0.1",
        "REQUEST_METHOD": odd(_methods, st.sampled_from(["GET", "POST"])),
        "PATH_INFO": odd(_paths, _control_routes),
        "QUERY_STRING": odd(_queries, _pairs | st.just("")),
        "CONTENT_TYPE": odd(_content_types, st.sampled_from(_FORMS)),
        "CONTENT_LENGTH": odd(_lengths, st.just(str(len(body)))),
        "wsgi.input": io.BytesIO(body),
        # A server that takes chunked bodies sets it.
        "wsgi.input_terminated": draw(st.booleans()),
    }
    return environ | odd(_headers, st.just({}))


# Lines of journals

# Bytes in a file's name that are not UTF-8, as Python decodes them.
_undecodable = st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF, categories=["Cs"])
journal_texts = st.lists(st.text(max_size=8) | st.text(_undecodable, max_size=2), max_size=3).map("".join)
"""Texts that a process may write into its journal."""

_optional_texts = st.none() | journal_texts
_request_ids = st.builds("{:08x}-{}".format, st.integers(0, 2**32 - 1), st.integers(1, 2**32 - 1))
_trace_ids = st.integers(0, 2**80 - 1).map("{:020x}".format)
_seconds = st.floats(0, 1e12, exclude_max=True, allow_nan=False)
_arcs = st.frozensets(st.tuples(st.integers(-400, 400), st.integers(-400, 400)), max_size=5)

file_lines = st.builds(
    FileLines, journal_texts, st.sets(st.integers(0, 2000), max_size=8).map(to_bitmap), st.none() | _arcs
)
"""Lines of one content of a file, with arcs or without."""

traces = st.dictionaries(journal_texts, file_lines, max_size=3).map(Trace.of)
"""Traces of a few files."""

processes = st.builds(
    Process,
    st.integers(0, 2**32 - 1),
    _seconds,
    journal_texts,
    journal_texts,
    journal_texts,
    st.booleans(),
    journal_texts,
)
"""Processes that take part in a run."""

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | journal_texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(journal_texts, inner, max_size=3),
    max_leaves=8,
)
"""Any value that JSON can hold."""


@dataclass(frozen=True)
class JournalLine:
    """A line as its writer formats it, without the newline, and the value that a reader must get from it."""

    text: str
    value: Any


def _line_of(kind: str, **fields: Any) -> JournalLine:
    return JournalLine(journal_format.line_of(kind, **fields), fields)


@st.composite
def _request_lines(draw: st.DrawFn) -> JournalLine:
    texts = {name: draw(journal_texts) for name in ("method", "path")}
    optional = {name: draw(_optional_texts) for name in ("route", "endpoint", "test")}
    request_id, trace, status = draw(_request_ids), draw(_trace_ids), draw(st.integers(0, 999))
    started_ns, duration_us = draw(st.integers(0, 10**20)), draw(st.integers(0, 10**14))
    text = journal_format.request_line(
        request_id, trace, status=status, started_ns=started_ns, duration_us=duration_us, **texts, **optional
    )
    times = {"started_at": float(Fraction(started_ns, 10**9)), "duration_ms": float(Fraction(duration_us, 1000))}
    return JournalLine(text, {"id": request_id, "trace": trace, "status": status, **texts, **optional, **times})


@st.composite
def _amend_lines(draw: st.DrawFn) -> JournalLine:
    writer = draw(st.sampled_from(["amended", "late", "under way"]))
    ids = {"id": draw(_request_ids), "trace": draw(_trace_ids)}
    if writer == "late":
        return JournalLine(journal_format.late_line(*ids.values()), ids)
    if writer == "under way":
        return JournalLine(journal_format.under_way_line(*ids.values()), {**ids, "ended": False})
    status, duration_us, ended = draw(st.integers(0, 999)), draw(st.integers(0, 10**14)), draw(st.booleans())
    text = journal_format.late_update_line(*ids.values(), status, duration_us, ended=ended)
    changes = {
        "status": status,
        "duration_ms": float(Fraction(duration_us, 1000)),
        **({"ended": True} if ended else {}),
    }
    return JournalLine(text, {**ids, **changes})


_rules = st.tuples(journal_texts, journal_texts, st.lists(journal_texts, max_size=3))

journal_lines: dict[str, st.SearchStrategy[JournalLine]] = {
    "process": processes.map(lambda process: JournalLine(journal_format.header_line(asdict(process)), process)),
    "sources": st.lists(journal_texts, max_size=4).map(
        lambda files: JournalLine(journal_format.line_of("sources", files=files), files)
    ),
    "imports": st.lists(st.tuples(journal_texts, journal_texts), max_size=3).map(
        lambda edges: JournalLine(journal_format.line_of("imports", edges=edges), edges)
    ),
    "rules": st.lists(_rules, max_size=3).map(
        lambda rules: JournalLine(journal_format.line_of("rules", rules=rules), rules)
    ),
    "trace": traces.map(
        lambda trace: JournalLine(journal_format.line_of("trace", **journal_format.fields_of(trace)), trace)
    ),
    "request": _request_lines(),
    "amend": _amend_lines(),
    "ambient": _trace_ids.map(lambda trace: _line_of("ambient", trace=trace)),
    "window": st.builds(lambda name, at: _line_of("window", name=name, at=at), journal_texts, _seconds),
    "lost": st.builds(
        lambda count, reason: _line_of("lost", count=count, reason=reason), st.integers(0), journal_texts
    ),
    "gone": st.just(_line_of("gone")),
}
"""By their kind, the lines that a process may write into its journal."""


@st.composite
def unknown_lines(draw: st.DrawFn) -> str:
    """Lines of kinds that only a newer version writes, with any fields."""
    kind = draw(journal_texts.filter(lambda text: text not in journal_lines))
    fields = draw(st.dictionaries(journal_texts.filter(lambda text: text != "kind"), json_values, max_size=3))
    return journal_format.line_of(kind, **{**fields, "type": kind})


# Edits


@dataclass(frozen=True)
class EditedFile:
    """A file's lines before and after edits; the lines of ``unique`` occur once in each, and are long."""

    before: list[str]
    after: list[str]
    unique: set[str]


_repeated = st.sampled_from(["return None", "else:", "pass", "x = 1"])


@st.composite
def edited_files(draw: st.DrawFn, longest: int = 24) -> EditedFile:
    """Files of unique and repeated lines, of which some are deleted, inserted, indented and moved in blocks."""
    numbers = draw(st.lists(st.integers(0, longest - 1) | _repeated, max_size=longest, unique_by=_once))
    before = [_line(number) if isinstance(number, int) else number for number in numbers]
    after = [line for line in before if draw(st.integers(0, 5))]
    for _ in range(draw(st.integers(0, 3))):
        first, last, place = sorted(draw(st.lists(st.integers(0, len(after)), min_size=3, max_size=3)))
        after = after[:first] + after[last:place] + after[first:last] + after[place:]
    for number in draw(st.lists(st.integers(longest, 2 * longest) | _repeated, max_size=6, unique_by=_once)):
        after.insert(draw(st.integers(0, len(after))), _line(number) if isinstance(number, int) else number)
    after = [f"{draw(st.sampled_from(['', '    ']))}{line}" for line in after]
    return EditedFile(before, after, {line for line in before if line.startswith("unique")})


def _once(item: int | str) -> object:
    return item if isinstance(item, int) else object()


def _line(number: int) -> str:
    return f"unique_{number} = find_what_is_there({number})"


# Changes of files

# Some look like parts of a diff.
_texts_of_lines = st.sampled_from([
    "", "x", "y", "\tä", "-- a", "++ b", "--- a/x", "+++ b/x", "@@ -1 +1 @@", "@@@ -1 -1 +1 @@@", "diff --git a/x b/x",
    "\\ No newline at end of file", "Binary files a/x and b/x differ", "rename to x",
    "total = sum(prices_of(everything))", "return render(everything, total)", "    return", "\udcff",
])  # fmt: skip
_line_ends = st.sampled_from(["\n", "\n", "\n", "\r\n"])


@st.composite
def _contents(draw: st.DrawFn) -> str:
    end = draw(_line_ends)
    return end.join(draw(st.lists(_texts_of_lines, max_size=12))) + draw(st.sampled_from(["", end, end]))


contents = _contents()
"""The content of a file, with or without an end of its last line. Surrogates stand for bytes that are not UTF-8."""

file_names = st.sampled_from([
    "app.py", "a/app.py", "b/app.py", "a b.py", "x b/x b.py", "ü.py", 'q"uote.py', "back\\slash.py", "t\tab.py",
    "new\nline.py", "a/a/a/x", "b/b", " ", "\udcff.py", "-x", "dev/null",
])  # fmt: skip
"""Paths that are hard to read in a diff."""

file_trees = st.dictionaries(file_names, contents, max_size=5)
"""The files of a folder, as paths and contents. A path that is another one's folder does not occur."""
