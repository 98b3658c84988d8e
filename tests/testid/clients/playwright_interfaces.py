"""Playwright's sync and async interface, through which the same scenarios run."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Coroutine
from typing import Any

import pytest

from example_app.conftest import CHROME, installed

async_api = pytest.importorskip("playwright.async_api")
sync_api = pytest.importorskip("playwright.sync_api")


def launch_options() -> dict[str, Any]:
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    return {"executable_path": installed("CHROME", CHROME), "args": ["--disable-gpu", *arguments]}


class Sync:
    """Runs the steps of a scenario through the sync interface."""

    def __init__(self) -> None:
        self._manager = sync_api.sync_playwright()
        self.playwright = self._manager.start()

    def run(self, scenario: Coroutine[Any, Any, None]) -> None:
        # The scenario awaits no real awaitable.
        with pytest.raises(StopIteration):
            scenario.send(None)

    async def __call__(self, result: Any) -> Any:
        return result

    def close(self) -> None:
        self.playwright.stop()


class Async:
    """Runs scenarios in one event loop, as a suite with a session-wide loop does."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self.playwright = self._runner.run(self._start())

    async def _start(self) -> Any:
        return await async_api.async_playwright().start()

    def run(self, scenario: Coroutine[Any, Any, None]) -> None:
        self._runner.run(scenario)

    async def __call__(self, result: Any) -> Any:
        return await result if inspect.isawaitable(result) else result

    def close(self) -> None:
        self._runner.run(self.playwright.stop())
        self._runner.close()


class Interface:
    """A browser that was started before the hooks are installed, through one of the two interfaces."""

    def __init__(self, kind: type[Sync | Async]) -> None:
        self.do = kind()
        self.run = self.do.run
        self.playwright = self.do.playwright
        self.run(self._launch())

    async def _launch(self) -> None:
        self.browser = await self.do(self.playwright.chromium.launch(**launch_options()))

    async def _end(self) -> None:
        await self.do(self.browser.close())

    def close(self) -> None:
        self.run(self._end())
        self.do.close()
