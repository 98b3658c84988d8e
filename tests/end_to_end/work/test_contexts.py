"""Copied contexts, coroutines and greenlets: lines belong to the request of the context in which they run."""

from __future__ import annotations

import json
import os
import subprocess
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.journal.reader import read_run
from tests.support.servers import PYTHON

from .harness import AMBIENT, WORK, ask, ask_both, path_of, recorded, recorder, serve_views, truth

Load = Callable[..., ModuleType]

COPIED = """
    import contextvars

    contexts = {}

    def view(side):
        contexts[side] = contextvars.copy_context()  # both
        return work(side)  # both

    def late(side):
        if side == "a":  # late
            return "late a"  # late_a
        return "late b"  # late_b
"""


def late_work(module: ModuleType, engine_name: str) -> tuple[dict[str, list[int]], list[int], dict[str, list[int]]]:
    """Return the expected lines of the requests, those of all late work, and those of each request's late work."""
    expected = truth(path_of(module))
    common = expected.pop("/late")
    return expected, common, {side: sorted([*common, *expected.pop(f"/late_{side}")]) for side in ("a", "b")}


def test_contexts_used_after_the_response(load_module: Load, engine_name: str) -> None:
    """In another thread, both at once: part of the request under ``monitoring``, of no request under ``ctrace``."""
    import threading

    module = load_module(WORK + textwrap.dedent(COPIED))
    app = serve_views(module, engine_name)
    ask_both(app)
    expected, _, late = late_work(module, engine_name)
    assert recorded(path_of(module)) == expected
    meeting = threading.Barrier(2)

    def at_work(side: str) -> None:
        meeting.wait(30)
        module.contexts[side].run(module.late, side)

    threads = [threading.Thread(target=at_work, args=(side,)) for side in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for side in ("a", "b"):
        owner = f"/{side}" if engine_name == "monitoring" else AMBIENT
        expected[owner] = sorted({*expected[owner], *late[side]})
    assert recorded(path_of(module)) == expected
    # Their contexts have been deleted, so nothing is watched any more.
    module.contexts.clear()
    recorder().flush()
    recorder().flush()
    assert recorder().engine.late() == []


def test_context_used_in_another_request(load_module: Load, engine_name: str) -> None:
    """``/other`` runs the context of ``/a``. ``monitoring`` assigns lines by the context, ``ctrace`` by the thread."""
    module = load_module(WORK + textwrap.dedent(COPIED))
    app = serve_views(module, engine_name)
    app.get("/other")(lambda: module.contexts["a"].run(module.late, "a"))
    ask_both(app)
    expected, _, late = late_work(module, engine_name)
    ask(app, "/other")
    owner = "/a" if engine_name == "monitoring" else "/other"
    expected.setdefault("/other", [])
    expected[owner] = sorted([*expected[owner], *late["a"]])
    assert recorded(path_of(module)) == expected


ASYNC = {
    "tasks and gather": """
        async def view(side):
            task = asyncio.create_task(step(side))  # both
            made = await asyncio.gather(step(side), asyncio.to_thread(work, side))  # both
            return made[1] + await task  # both
    """,
    "task group": """
        async def view(side):
            async with asyncio.TaskGroup() as group:  # both
                tasks = [group.create_task(step(side)) for n in range(3)]  # both
            return await asyncio.to_thread(work, tasks[0].result())  # both
    """,
    "executor of the loop": """
        async def view(side):
            loop = asyncio.get_running_loop()  # both
            made = await loop.run_in_executor(None, work, side)  # both
            return await step(made)  # both
    """,
    "asynchronous generator": """
        async def steps(side):
            try:  # both
                for n in range(3):  # both
                    yield await step(side)  # both
            finally:
                work(side)  # both

        async def view(side):
            made = [text async for text in steps(side)]  # both
            unfinished = steps(side)  # both
            await anext(unfinished)  # both
            await unfinished.aclose()  # both
            return "".join(made)  # both
    """,
    "task that outlives the view": """
        async def forever(side):
            try:  # both
                await asyncio.Event().wait()  # both
            finally:
                work(side)  # both

        async def view(side):
            asyncio.get_running_loop().keep = asyncio.create_task(forever(side))  # both
            return await step(side)  # both
    """,
    # Each call of the driver runs in a greenlet, which waits for the loop while the next call's greenlet runs.
    "SQLAlchemy's bridge": """
        from sqlalchemy.util import await_only, greenlet_spawn

        def query(side):
            made = await_only(step(side))  # both
            work(side)  # both
            return made + await_only(step(side))  # both

        async def view(side):
            tasks = [asyncio.create_task(greenlet_spawn(query, side)) for n in range(1)]  # both
            made = await asyncio.gather(greenlet_spawn(await_only, step(side)), *tasks)  # both
            return "".join(made)  # both
    """,
    "coroutine in a thread's own loop": """
        def in_thread(side):
            asyncio.run(step(side))  # both
            work(side)  # both

        def view(side):
            thread = threading.Thread(target=in_thread, args=(side,))  # both
            thread.start()  # both
            thread.join()  # both
            return side  # both
    """,
}
STEP = """
import asyncio

async def step(side):
    await asyncio.sleep(0)  # both
    if side == "a":  # both
        return "a"  # a
    return "b"  # b

"""


@pytest.mark.parametrize("kind", ASYNC)
def test_asynchronous_views(load_module: Load, engine_name: str, kind: str) -> None:
    module = load_module(WORK + STEP + textwrap.dedent(ASYNC[kind]))
    app = serve_views(module, engine_name)
    for _ in range(3):
        ask_both(app)
    assert recorded(path_of(module)) == truth(path_of(module))


LOOP = """
loop = asyncio.new_event_loop()
meeting_in_loop = None

def begin():
    global background
    background = threading.Thread(target=run)  # ambient
    background.start()  # ambient

def run():
    loop.run_forever()  # ambient
    loop.close()  # ambient

async def in_loop(side):
    await asyncio.sleep(0)  # in_loop
    if side == "a":  # in_loop
        return "a"  # in_loop_a
    return "b"  # in_loop_b

def view(side):
    work(side)  # both
    return asyncio.run_coroutine_threadsafe(in_loop(side), loop).result()  # both

def end():
    loop.call_soon_threadsafe(loop.stop)  # ambient
    background.join()  # ambient
"""


def test_loop_of_the_application(load_module: Load, engine_name: str) -> None:
    """Coroutines in the application's own thread: of their context's request only under ``monitoring``."""
    module = load_module(WORK + "import asyncio\n" + LOOP)
    app = serve_views(module, engine_name)
    module.begin()
    for _ in range(3):
        ask_both(app)
    module.end()
    expected = truth(path_of(module))
    common = expected.pop("/in_loop")
    for side in ("a", "b"):
        owner = f"/{side}" if engine_name == "monitoring" else AMBIENT
        expected[owner] = sorted({*expected[owner], *common, *expected.pop(f"/in_loop_{side}")})
    assert recorded(path_of(module)) == expected


GREENLETS = """
import gevent.monkey
gevent.monkey.patch_all()

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import gevent.event
import gevent.pool
from flask import Flask

from flask_livecoverage import LiveCoverage
from flask_livecoverage.recording.process import stop_recording

app = Flask(__name__)
app.config["TESTING"] = True
LiveCoverage(app)

# In another file, so that what runs below is not application code that is compared.
import views

app.get("/<side>")(views.view)
views.begin()
for _ in range(5):
    requests = [gevent.spawn(app.test_client().get, path) for path in ("/a", "/b")]
    gevent.joinall(requests, timeout=60, raise_error=True)
    assert [request.value.status_code for request in requests] == [200, 200]
    for request in requests:
        request.value.close()
views.end()
stop_recording()
print(json.dumps("done"))
"""
GREEN_VIEWS = (
    WORK
    + """
import gevent
import gevent.pool
from concurrent.futures import ThreadPoolExecutor

pool = None
ended = threading.Event()

def loop():
    while not ended.is_set():  # ambient
        gevent.sleep(0)  # ambient

def begin():
    global background
    background = gevent.spawn(loop)  # ambient

def end():
    ended.set()  # ambient
    background.join()  # ambient
    pool.shutdown()  # ambient

def view(side):
    global pool
    pool = pool or ThreadPoolExecutor(2)  # both
    meeting.wait(30)  # both
    gevent.spawn(work, side).get()  # both
    gevent.pool.Pool(2).map(work, [side])  # both
    thread = threading.Thread(target=work, args=(side,))  # both
    thread.start()  # both
    thread.join()  # both
    return pool.submit(work, side).result()  # both
"""
)


def test_greenlets(tmp_path: Path, engine_name: str) -> None:
    """All threads are greenlets here, and greenlets inherit contexts: workers of pools would too, unless detached."""
    (tmp_path / "script.py").write_text(GREENLETS)
    (tmp_path / "views.py").write_text(GREEN_VIEWS)
    ran = subprocess.run(
        [PYTHON, "script.py"],
        cwd=tmp_path,
        env={**os.environ, "LIVECOVERAGE_ENGINE": engine_name},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (ran.returncode, json.loads(ran.stdout or "null")) == (0, "done"), ran.stderr
    (folder,) = DataDir(tmp_path / ".livecov").select("all")
    found = recorded(tmp_path / "views.py", read_run(folder))
    expected = truth(tmp_path / "views.py")
    # The module itself is imported while it is measured.
    own = {line for lines in expected.values() for line in lines}
    found[AMBIENT] = [line for line in found[AMBIENT] if line in own]
    assert found == expected
