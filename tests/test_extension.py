"""The extension is attached to an application once."""

from __future__ import annotations

import pytest
from flask import Flask

from flask_livecoverage import ConfigurationError, LiveCoverage


def test_attached_twice(engine_name: str) -> None:
    app = Flask("application")
    app.config.update(TESTING=True, LIVECOVERAGE_ENGINE=engine_name)
    LiveCoverage(app)
    with pytest.raises(ConfigurationError, match=r"is already attached .*: call init_app once"):
        LiveCoverage(app)
