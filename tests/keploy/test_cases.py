"""Reading recordings: Keploy's formats, and the errors for invalid files.

Tests ``keploy.cases`` and ``keploy.fields``.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from flask_livecoverage.errors import ConfigurationError
from flask_livecoverage.keploy.cases import Case, read_recording

from ..support import REPOSITORY

EXAMPLE = REPOSITORY / "tests" / "data" / "keploy"

Write = Callable[..., Path]

REQUEST = "{method: GET, url: 'http://localhost/', header: {}, body: ''}"
RESPONSE = "{status_code: 200, header: {}, body: ''}"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(
        req: str = REQUEST, resp: str = RESPONSE, *, name: str = "test-1", test_set: str = "set", **extra: str
    ) -> Path:
        text = f"kind: Http\nname: {name}\nspec:\n    req: {req}\n    resp: {resp}\n"
        for key, value in extra.items():
            text += f"    {key}: {value}\n"
        return write_file(tmp_path / "keploy" / test_set / "tests" / f"{name}.yaml", text.encode())

    return write


def write_file(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def only_case(file: Path) -> Case:
    (case,) = read_recording(file.parents[2]).cases
    return case


class TestExample:
    def test_order(self) -> None:
        recording = read_recording(EXAMPLE)
        sets = {"test-set-0": 10, "test-set-1": 6}
        assert [case.id for case in recording.cases] == [
            f"{test_set}/test-{number}" for test_set, count in sets.items() for number in range(1, count + 1)
        ]
        assert recording.warnings == []

    def test_one_set(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert {case.test_set for case in read_recording(EXAMPLE / "test-set-1").cases} == {"test-set-1"}
        monkeypatch.chdir(EXAMPLE / "test-set-1")
        assert {case.test_set for case in read_recording(Path()).cases} == {"test-set-1"}

    def test_a_case(self) -> None:
        case = read_recording(EXAMPLE / "test-set-1").cases[1]
        assert case.request.method == "POST"
        assert case.request.target == "/api/checks"
        assert case.request.body == b'{"fraction": 2, "total": 3}'
        assert dict(case.request.headers) == {
            "Accept": "*/*", "Content-Type": "application/json", "Host": "localhost:5000", "User-Agent": "curl/8.5.0",
        }  # fmt: skip
        assert case.response.status == 201
        assert case.response.headers["Content-Length"] == "120"
        assert case.response.body is not None
        assert case.response.body.endswith(b'"verdict":"2 of 3 is 66%"}\n')
        assert {field: [p.pattern for p in patterns] for field, patterns in case.noise.items()} == {
            "body.checked_at": [r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"], "header.date": [],
            "header.vary": [],
        }  # fmt: skip


class TestRequests:
    @pytest.mark.parametrize(
        ("url", "target"),
        [
            ("http://localhost:8000/a/b?c=d&e=%20f#g", "/a/b?c=d&e=%20f"),
            ("http://localhost", "/"),
            ("https://example.org:1/ä b?q=ü x", "/%C3%A4%20b?q=%C3%BC%20x"),
            ("http://localhost//two//slashes", "//two//slashes"),
        ],
    )
    def test_target(self, write: Write, url: str, target: str) -> None:
        assert only_case(write(f"{{method: GET, url: '{url}'}}")).request.target == target

    def test_headers_that_are_set_again(self, write: Write) -> None:
        names = ["Content-Length", "Transfer-Encoding", "Connection", "Expect", "KEPLOY-TEST-ID", "Keploy-Test-Set-Id"]
        names += ["KEPLOY-LAST-TESTCASE", "Livecov-Test"]
        headers = ", ".join(f"{name}: x" for name in names)
        kept = "X-Own: y, Baggage: a=b"
        case = only_case(write(f"{{method: GET, url: 'http://h/', header: {{{headers}, {kept}}}}}"))
        assert case.request.headers == (("X-Own", "y"), ("Baggage", "a=b"))
        case = only_case(write("{method: GET, url: 'http://h/', header: {baggage: 'a=b,livecov.test=t'}}"))
        assert case.request.headers == ()

    def test_scalars_are_text(self, write: Write) -> None:
        case = only_case(write("{method: POST, url: 'http://h/', header: {A: 12:30, B: yes, C: 1.50}, body: 0x10}"))
        assert case.request.headers == (("A", "12:30"), ("B", "yes"), ("C", "1.50"))
        assert case.request.body == b"0x10"
        assert only_case(write("{method: POST, url: 'http://h/', body: 'null'}")).request.body == b"null"
        assert only_case(write("{method: POST, url: 'http://h/', body: null}")).request.body == b""
        assert only_case(write("{method: POST, url: 'http://h/', body: nothing}")).request.body == b"nothing"

    def test_bodies(self, write: Write, tmp_path: Path) -> None:
        assert (
            only_case(write("{method: POST, url: 'http://h/', body: '', body_base64: /wAB}")).request.body
            == b"\xff\0\1"
        )
        write_file(tmp_path / "keploy" / "set" / "assets" / "big", b"big")
        case = only_case(write("{method: POST, url: 'http://h/', body: '', body_ref: {path: set/assets/big, size: 3}}"))
        assert case.request.body == b"big"
        header = "header: {content-encoding: gzip}"
        case = only_case(write(f"{{method: POST, url: 'http://h/', {header}, body: plain}}"))
        assert gzip.decompress(case.request.body) == b"plain"

    def test_multipart(self, write: Write, tmp_path: Path) -> None:
        write_file(tmp_path / "keploy" / "assets" / "a.bin", b"\xff\r\n")
        form = '[{key: "na\\"me", values: [one, two]}, {key: file, paths: [assets/a.bin]}]'
        header = "header: {Content-Type: multipart/form-data; boundary=old}"
        case = only_case(write(f"{{method: POST, url: 'http://h/', {header}, body: '', form: {form}}}"))
        content_type = dict(case.request.headers)["Content-Type"]
        boundary = content_type.removeprefix("multipart/form-data; boundary=")
        assert boundary not in ("old", content_type)
        parts = case.request.body.split(f"--{boundary}".encode())
        assert parts == [
            b"",
            b'\r\nContent-Disposition: form-data; name="na%22me"\r\n\r\none\r\n',
            b'\r\nContent-Disposition: form-data; name="na%22me"\r\n\r\ntwo\r\n',
            b'\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n'
            b"Content-Type: application/octet-stream\r\n\r\n\xff\r\n\r\n",
            b"--\r\n",
        ]


class TestResponses:
    def test_large_and_streamed_bodies(self, write: Write) -> None:
        skipped = only_case(
            write(resp="{status_code: 200, header: {}, body: '', body_skipped: true, body_size: 2000000}")
        )
        assert (skipped.response.body, skipped.response.size) == (None, 2_000_000)
        streamed = only_case(write(resp="{status_code: 200, header: {}, body: [{ts: x, data: {raw: line}}]}"))
        assert (streamed.response.body, streamed.response.size) == (None, None)

    def test_noise_as_a_list(self, write: Write) -> None:
        assert only_case(write(assertions="{noise: [header.Date, body.Id]}")).noise == {
            "header.date": [],
            "body.id": [],
        }
        assert only_case(write(assertions="{noise: {body.a: }}")).noise == {"body.a": []}
        assert only_case(write(assertions="{}")).noise == {}


def test_skipped_files(write: Write, tmp_path: Path) -> None:
    write()
    folder = tmp_path / "keploy" / "set" / "tests"
    write_file(folder / "test-2.yaml", b"kind: gRPC\nspec: {}\n")
    write(f"{REQUEST[:-1]}, header: {{Content-Encoding: br}}}}".replace("header: {}, ", ""), name="test-3")
    write_file(folder / "notes.txt", b"\xff")
    write_file(tmp_path / "keploy" / "reports" / "test-run-0" / "report.yaml", b"\xff")
    recording = read_recording(tmp_path / "keploy")
    assert [case.id for case in recording.cases] == ["set/test-1"]
    assert recording.warnings == [
        f"{folder}/test-2.yaml: kind gRPC is not supported, skipped",
        f"{folder}/test-3.yaml: the encoding br of its request is not supported, skipped",
    ]


WRONG = {
    "binary": (b"\x00\x01\x7fELF\xff", "not a YAML document"),
    "not UTF-8": (b"kind: \xff", "not a YAML document"),
    "malformed": (b"kind: Http\nspec: {req: [\n", "not a YAML document (line 3: "),
    "a list": (b"- kind: Http\n", "document is not a mapping"),
    "empty": (b"", "it has no document"),
    "no kind": (b"name: test-1\n", "it has no kind"),
    "no spec": (b"kind: Http\n", "it has no spec"),
    "no request": (b"kind: Http\nspec: {resp: {status_code: 200}}\n", "it has no req"),
    "no response": (f"kind: Http\nspec: {{req: {REQUEST}}}\n".encode(), "it has no resp"),
    "a deep nest": (b"kind: " + b"[" * 10_000, "not a YAML document"),
    "a tag": (b"kind: !!python/object:os.system x\n", "not a YAML document (line 1: could not determine a constructor"),
}
WRONG_REQUESTS = {
    "{url: 'http://h/'}": "it has no method",
    "{method: GET}": "it has no url",
    "{method: GET, url: [x]}": "url is not a string",
    "{method: GET, url: 'http://[/'}": "url 'http://[/' is invalid",
    "{method: 'G T', url: 'http://h/'}": "method 'G T' cannot be sent",
    "{method: GET, url: 'http://h/', header: [x]}": "header is not a mapping",
    "{method: GET, url: 'http://h/', header: {A: [x]}}": "header: A is not a string",
    '{method: GET, url: "http://h/", header: {A: "x\\ny"}}': "header 'A' cannot be sent",
    "{method: GET, url: 'http://h/', body_base64: '%'}": "body_base64 is not valid base64",
    "{method: GET, url: 'http://h/', body_ref: {path: nowhere}}": "the file .*nowhere cannot be read",
    "{method: GET, url: 'http://h/', header: {Content-Type: multipart/form-data}, form: [x]}": (
        "form is not a list of fields"
    ),
    "{method: GET, url: 'http://h/', header: {Content-Type: multipart/form-data}, form: [{key: a, values: b}]}": (
        "form: values is not a list of strings"
    ),
}
WRONG_RESPONSES = {
    "{header: {}}": "it has no status_code",
    "{status_code: OK}": "status_code is not a number: 'OK'",
    "{status_code: 200, body: {}}": "body is not a string",
    "{status_code: 200, body_skipped: true}": "it has no body_size",
}


class TestWrongFiles:
    @pytest.mark.parametrize("name", WRONG)
    def test_documents(self, tmp_path: Path, name: str) -> None:
        content, message = WRONG[name]
        file = write_file(tmp_path / "set" / "tests" / "test-1.yaml", content)
        refused(tmp_path, f"{file}: {message}")

    @pytest.mark.parametrize("request_fields", WRONG_REQUESTS)
    def test_requests(self, write: Write, request_fields: str) -> None:
        file = write(request_fields)
        message = refused(file.parents[2], f"{file}: ")
        assert re.search(WRONG_REQUESTS[request_fields].replace("[", r"\["), message)

    @pytest.mark.parametrize("response", WRONG_RESPONSES)
    def test_responses(self, write: Write, response: str) -> None:
        file = write(resp=response)
        refused(file.parents[2], f"{file}: {WRONG_RESPONSES[response]}")

    @pytest.mark.parametrize("noise", ["x", "{body.a: x}", "{body.a: ['(']}", "{body.a: [[x]]}"])
    def test_noise(self, write: Write, noise: str) -> None:
        file = write(assertions=f"{{noise: {noise}}}")
        refused(file.parents[2], f"{file}: noise")

    def test_names(self, write: Write, tmp_path: Path) -> None:
        file = write(name="test-1")
        file.write_text(file.read_text().replace("name: test-1", 'name: "a\\nb"'))
        refused(tmp_path / "keploy", f"{file}: name 'a\\nb' is not a valid name")
        file.write_text(file.read_text().replace('name: "a\\nb"', "name: test-2"))
        write(name="test-2")
        refused(tmp_path / "keploy", "two test cases are named set/test-2")

    def test_folders(self, tmp_path: Path) -> None:
        refused(tmp_path / "nowhere", f"{tmp_path}/nowhere: cannot be read (No such file or directory)")
        refused(write_file(tmp_path / "file", b""), f"{tmp_path}/file: cannot be read (Not a directory)")
        (tmp_path / "empty" / "set" / "tests").mkdir(parents=True)
        refused(tmp_path / "empty", f"{tmp_path}/empty contains no recorded HTTP test case: name Keploy's folder")


def refused(path: Path, message: str) -> str:
    """The error for ``path``, which must be one line that begins with ``message``."""
    with pytest.raises(ConfigurationError) as raised:
        read_recording(path)
    text = str(raised.value)
    assert text.startswith(message)
    assert len(text.splitlines()) == 1
    return text
