"""Tests of settings: lookup, validation and error messages of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flask_livecoverage.errors import ConfigurationError
from flask_livecoverage.settings import SETTINGS, Settings, is_active, load_settings, resolved, to_bool

ACCEPTED = [
    ("LIVECOVERAGE_ENABLED", None, None),
    ("LIVECOVERAGE_ENABLED", "yes", True),
    ("LIVECOVERAGE_ENABLED", False, False),
    ("LIVECOVERAGE_URL_PREFIX", "/cov/", "/cov"),
    ("LIVECOVERAGE_URL_PREFIX", "/a/b-c_d", "/a/b-c_d"),
    ("LIVECOVERAGE_SHUTDOWN_URL", "", ""),
    ("LIVECOVERAGE_SHUTDOWN_URL", None, ""),
    ("LIVECOVERAGE_SHUTDOWN_URL", "/end", "/end"),
    ("LIVECOVERAGE_DATA_DIR", Path("data"), "data"),
    ("LIVECOVERAGE_AUTOSTART", "off", False),
    ("LIVECOVERAGE_AUTOSTART", 1, True),
    ("LIVECOVERAGE_ENGINE", "ctrace", "ctrace"),
    ("LIVECOVERAGE_TOKEN", "s3cret!", "s3cret!"),
    ("LIVECOVERAGE_TOKEN", "", None),
    ("LIVECOVERAGE_BEHIND_PROXY", None, None),
    ("LIVECOVERAGE_BEHIND_PROXY", "1", True),
    ("LIVECOVERAGE_BEHIND_PROXY", False, False),
    ("LIVECOVERAGE_AFFECTED_IGNORE", None, ()),
    ("LIVECOVERAGE_AFFECTED_IGNORE", "*.md, /docs/,", ("*.md", "/docs/")),
    ("LIVECOVERAGE_AFFECTED_IGNORE", ["*.md", "!a.md"], ("*.md", "!a.md")),
    ("LIVECOVERAGE_IGNORE", "", ()),
    ("LIVECOVERAGE_IGNORE", None, ()),
    ("LIVECOVERAGE_IGNORE", "/health, /static/*,", ("/health", "/static/*")),
    ("LIVECOVERAGE_IGNORE", ["/health", "*.map"], ("/health", "*.map")),
]

REFUSED = [
    ("LIVECOVERAGE_ENABLED", "maybe", "yes or on"),
    ("LIVECOVERAGE_AUTOSTART", 2, "yes or on"),
    ("LIVECOVERAGE_BEHIND_PROXY", "nginx", "yes or on"),
    ("LIVECOVERAGE_URL_PREFIX", "", "begins with a slash"),
    ("LIVECOVERAGE_URL_PREFIX", "/", "begins with a slash"),
    ("LIVECOVERAGE_URL_PREFIX", "//", "begins with a slash"),
    ("LIVECOVERAGE_URL_PREFIX", "cov", "begins with a slash"),
    ("LIVECOVERAGE_URL_PREFIX", "/a//b", "begins with a slash"),
    ("LIVECOVERAGE_URL_PREFIX", "/a?b", "begins with a slash"),
    ("LIVECOVERAGE_URL_PREFIX", "/a b", "begins with a slash"),
    ("LIVECOVERAGE_URL_PREFIX", "/<name>", "begins with a slash"),
    ("LIVECOVERAGE_URL_PREFIX", "/é", "ASCII"),
    ("LIVECOVERAGE_URL_PREFIX", None, "begins with a slash"),
    ("LIVECOVERAGE_SHUTDOWN_URL", "shutdown", "begins with a slash"),
    ("LIVECOVERAGE_SHUTDOWN_URL", 1, "begins with a slash"),
    ("LIVECOVERAGE_DATA_DIR", "", "path of a folder"),
    ("LIVECOVERAGE_DATA_DIR", None, "path of a folder"),
    ("LIVECOVERAGE_DATA_DIR", b"data\xff", "path of a folder"),
    ("LIVECOVERAGE_ENGINE", "fast", "auto, monitoring or ctrace"),
    ("LIVECOVERAGE_ENGINE", "", "auto, monitoring or ctrace"),
    ("LIVECOVERAGE_ENGINE", ["ctrace"], "auto, monitoring or ctrace"),
    ("LIVECOVERAGE_TOKEN", "pässword", "printable ASCII"),
    ("LIVECOVERAGE_TOKEN", " padded ", "without spaces"),
    ("LIVECOVERAGE_TOKEN", 12345, "printable ASCII"),
    ("LIVECOVERAGE_AFFECTED_IGNORE", 5, "patterns as in .gitignore"),
    ("LIVECOVERAGE_AFFECTED_IGNORE", "# docs", "patterns as in .gitignore"),
    ("LIVECOVERAGE_IGNORE", "health", "separated by commas"),
    ("LIVECOVERAGE_IGNORE", 5, "separated by commas"),
    ("LIVECOVERAGE_IGNORE", ["/health", 5], "separated by commas"),
]


def attribute(key: str) -> str:
    return next(setting.name for setting in SETTINGS if setting.key == key)


class TestTable:
    def test_every_key_is_that_of_its_attribute(self) -> None:
        assert [setting.key for setting in SETTINGS] == [f"LIVECOVERAGE_{setting.name.upper()}" for setting in SETTINGS]

    def test_defaults_are_accepted_and_unchanged(self) -> None:
        assert load_settings({}, {}) == Settings()

    def test_every_setting_has_help(self) -> None:
        assert all(setting.help.endswith(".") for setting in SETTINGS)


class TestValues:
    @pytest.mark.parametrize(("key", "given", "value"), ACCEPTED)
    def test_accepted(self, key: str, given: Any, value: Any) -> None:
        assert getattr(load_settings({key: given}, {}), attribute(key)) == value

    @pytest.mark.parametrize(("key", "given", "hint"), REFUSED)
    def test_refused_in_one_line_that_names_what_is_accepted(self, key: str, given: Any, hint: str) -> None:
        with pytest.raises(ConfigurationError) as caught:
            load_settings({key: given}, {})
        message = str(caught.value)
        hidden = next(setting.secret for setting in SETTINGS if setting.key == key)
        assert message.startswith(f"{key} is invalid (value hidden): " if hidden else f"{key} cannot be {given!r}: ")
        assert hint in message
        assert "\n" not in message

    @pytest.mark.parametrize("key", [setting.key for setting in SETTINGS if setting.secret])
    def test_secret_values_are_not_shown(self, key: str) -> None:
        with pytest.raises(ConfigurationError) as caught:
            load_settings({key: "pässword"}, {})
        assert "pässword" not in str(caught.value)

    @pytest.mark.parametrize("text", ["1", "true", "Yes", " ON "])
    def test_true(self, text: str) -> None:
        assert to_bool(text) is True

    @pytest.mark.parametrize("text", ["0", "False", "no", "off", "", None])
    def test_false(self, text: str | None) -> None:
        assert to_bool(text) is False


class TestLookup:
    def test_environment_comes_before_configuration(self) -> None:
        config = {"LIVECOVERAGE_ENGINE": "monitoring", "LIVECOVERAGE_URL_PREFIX": "/mine"}
        settings = load_settings(config, {"LIVECOVERAGE_ENGINE": "ctrace"})
        assert (settings.engine, settings.url_prefix) == ("ctrace", "/mine")

    def test_empty_in_the_environment_is_a_value(self) -> None:
        assert (
            load_settings({"LIVECOVERAGE_SHUTDOWN_URL": "/end"}, {"LIVECOVERAGE_SHUTDOWN_URL": ""}).shutdown_url == ""
        )

    def test_environment_of_the_process_is_the_default(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LIVECOVERAGE_DATA_DIR", "elsewhere")
        assert load_settings({}).data_dir == "elsewhere"

    @pytest.mark.parametrize(
        "config_and_environ", [({"LIVECOVERAGE_ENGIN": "x"}, {}), ({}, {"LIVECOVERAGE_ENGIN": "x"})]
    )
    def test_unknown_key_is_refused_and_known_keys_are_named(self, config_and_environ: Any) -> None:
        with pytest.raises(ConfigurationError, match=r"unknown setting LIVECOVERAGE_ENGIN: .*LIVECOVERAGE_ENGINE"):
            load_settings(*config_and_environ)

    def test_run_variables_are_accepted_only_in_the_environment(self) -> None:
        variables = dict.fromkeys(("LIVECOVERAGE", "LIVECOVERAGE_RUN", "LIVECOVERAGE_SOURCE", "LIVECOVERAGE_URL"), "x")
        assert load_settings({}, variables) == Settings()
        with pytest.raises(ConfigurationError, match="unknown setting LIVECOVERAGE_RUN"):
            load_settings({"LIVECOVERAGE_RUN": "x"}, {})


@pytest.mark.parametrize(
    ("enabled", "testing", "variable", "active"),
    [
        (None, False, None, False),
        (None, True, None, True),
        (None, False, "1", True),
        (None, False, "yes", True),
        (None, False, "0", False),
        (None, False, "", False),
        (None, True, "0", True),
        (False, True, "1", False),
        (True, False, None, True),
    ],
)
def test_is_active(enabled: bool | None, testing: bool, variable: str | None, active: bool) -> None:
    environ = {} if variable is None else {"LIVECOVERAGE": variable}
    assert is_active(Settings(enabled=enabled), {"TESTING": testing}, environ) is active


@pytest.mark.parametrize(
    ("given", "absolute"),
    [
        (Settings(), Settings(data_dir="/srv/.livecov")),
        (Settings(data_dir="../data", store="sqlite:///own.db"),
         Settings(data_dir="/srv/../data", store="sqlite:////srv/own.db")),
        (Settings(data_dir="/data", store="sqlite+pysqlite:///own.db?timeout=5"),
         Settings(data_dir="/data", store="sqlite+pysqlite:////srv/own.db?timeout=5")),
        (Settings(data_dir="/data", store="sqlite:////own.db"), Settings(data_dir="/data", store="sqlite:////own.db")),
        (Settings(data_dir="/data", store="sqlite:///:memory:"), Settings(data_dir="/data", store="sqlite:///:memory:")),
        (Settings(data_dir="/data", store="sqlite://"), Settings(data_dir="/data", store="sqlite://")),
        (Settings(data_dir="/data", store="postgresql:///runs"), Settings(data_dir="/data", store="postgresql:///runs")),
    ],
)  # fmt: skip
def test_relative_paths_are_made_absolute(given: Settings, absolute: Settings) -> None:
    assert resolved(given, "/srv") == absolute
