"""Parameters of the control routes: few, in the query or in a small form, all checked."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

from werkzeug import Request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from ..model.text import MAX_NAME_LENGTH, quoted, stored_text, whole_number
from ..settings import to_bool

MAX_FORM = 1 << 16
MAX_PARTS = 20
_MAX_DURATION_MS = 10**9
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class ControlRequest(Request):
    """A request to a control route. However large its body is, only a little of it is read."""

    max_content_length = MAX_FORM
    max_form_memory_size = MAX_FORM
    max_form_parts = MAX_PARTS

    def make_form_data_parser(self) -> FormDataParser:
        """Return a parser that raises for a malformed form, and does not treat it as an empty one."""
        parser = super().make_form_data_parser()
        parser.silent = False
        return parser

    def _get_file_stream(self, *args: Any, **kwargs: Any) -> BytesIO:
        # Werkzeug's file would have to be closed; forms this small need no temporary file.
        return BytesIO()


class BadParameters(Exception):
    """Raised for parameters that a control route does not accept; ``accepted`` lists those that it does.

    ``status`` is the HTTP status of the response.
    """

    def __init__(self, message: str, accepted: list[str], status: int = 400) -> None:
        super().__init__(message)
        self.accepted = accepted
        self.status = status


def parameters(
    request: ControlRequest, repeated: str | None = None, /, **accepted: Callable[[str], Any]
) -> dict[str, Any]:
    """Return the request's parameters, checked. Raises BadParameters naming what is accepted.

    The value of the parameter that may be ``repeated`` is a list.
    """
    takes = f"{request.path} takes {', '.join(accepted) if accepted else 'none'}"
    _check_query(request, list(accepted))
    _check_body(request, list(accepted))
    # The body of another method is ignored.
    given = request.values if request.method == "POST" else request.args
    found: dict[str, Any] = {}
    for name in given:
        if name not in accepted:
            raise BadParameters(f"unknown parameter {quoted(name)}: {takes}", list(accepted))
        values = given.getlist(name)
        if name != repeated and len(values) > 1:
            raise BadParameters(f"{name} is given more than once: {request.path} takes it once", list(accepted))
        checked = [_checked(name, value, accepted[name]) for value in values]
        found[name] = checked if name == repeated else checked[0]
    return found


def _checked(name: str, value: str, check: Callable[[str], Any]) -> Any:
    try:
        return check(value)
    except ValueError as error:
        raise BadParameters(f"{name} cannot be {quoted(value)}: {error}", _choices(error)) from None


def _check_query(request: ControlRequest, accepted: list[str]) -> None:
    try:
        request.query_string.decode()
    except UnicodeDecodeError:
        raise BadParameters("the query is not valid UTF-8: encode it as UTF-8, each byte as %XX", accepted) from None


def _check_body(request: ControlRequest, accepted: list[str]) -> None:
    """Raise BadParameters for a body that would be ignored, or that is too large to be read."""
    if request.method != "POST":
        return
    has_body = bool(request.content_length) or "Transfer-Encoding" in request.headers
    if has_body and request.mimetype not in _FORMS:
        raise BadParameters(f"send parameters in the query, or as {' or '.join(_FORMS)}", accepted, 415)
    try:
        body = request.get_data()
        if request.mimetype == _FORMS[0]:
            # Werkzeug 3.0 reports bytes that are not UTF-8 as too many parameters.
            body.decode()
        files = list(request.files)
        # A body in chunks is truncated at this size.
        too_large = len(body) >= MAX_FORM
    except RequestEntityTooLarge:
        too_large = True
    except ValueError:
        raise BadParameters(
            "the form is malformed: send it as declared by its Content-Type, in UTF-8", accepted
        ) from None
    if too_large:
        limits = f"use less than {MAX_FORM >> 10} KB, in {MAX_PARTS} parts at most"
        raise BadParameters(f"the form is too large: {limits}", accepted, 413)
    if len(body) < (request.content_length or 0):
        raise BadParameters("the body ends before its Content-Length", accepted)
    if files:
        raise BadParameters(f"the parameter {quoted(files[0])} is a file: send parameters as text", accepted)


def _choices(error: ValueError) -> list[str]:
    choices = str(error).removeprefix("use ")
    return [choices] if "(" in choices else choices.split(", ")


def one_of(choices: Iterable[str]) -> Callable[[str], str]:
    """Return a check that a parameter is one of ``choices``."""

    def check(value: str) -> str:
        if value not in choices:
            raise ValueError(f"use {', '.join(choices)}")
        return value

    return check


def flag(value: str) -> bool:
    """Parse a boolean. Raises ValueError for anything else."""
    try:
        return to_bool(value)
    except ValueError:
        raise ValueError("use 1, 0") from None


def count(value: str, digits: int = 6) -> int:
    """Parse a number from 1 up, of at most ``digits`` digits. Raises ValueError naming the highest."""
    highest = 10**digits - 1
    number = whole_number(value, highest)
    if not number:
        raise ValueError(f"use 1 to {highest}")
    return number


def page_number(value: str) -> int:
    """Parse the number of a page or a line. Raises ValueError naming the highest."""
    return count(value, digits=7)


def duration_ms(value: str) -> float:
    """Parse a duration in milliseconds. Raises ValueError naming what is accepted."""
    try:
        duration = float(value) if value.isascii() and "_" not in value else math.nan
    except ValueError:
        duration = math.nan
    if not 0 <= duration <= _MAX_DURATION_MS:
        raise ValueError(f"use milliseconds, 0 to {_MAX_DURATION_MS}")
    return duration


def stored_name(value: str) -> str:
    """Return ``value`` in the form in which records store names."""
    return stored_text(value, MAX_NAME_LENGTH)
