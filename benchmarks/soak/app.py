"""The application under load. A comment at a line's end names the kinds of requests that run it; ``all`` is each."""

from __future__ import annotations

import threading
import time

from flask import Flask, Response, abort, after_this_request, request, stream_with_context

app = Flask(__name__)


@app.before_request
def before():
    request.began = time.time()  # all


@app.teardown_request
def teardown(error):
    request.ended = time.time()  # all


@app.get("/branch/<int:number>")
def branch(number):
    if number % 2:  # odd even
        return "odd"  # odd
    return "even"  # even


@app.get("/loop/<int:number>")
def loop(number):
    total = 0  # loop
    for item in range(500):  # loop
        total += double(item)  # loop
    return str(total)  # loop


def double(item):
    return 2 * item  # loop


@app.get("/stream/<int:number>")
def stream(number):
    def parts():  # stream
        for part in range(5):  # stream
            yield f"{part} of {request.path}, "  # stream
        yield last()  # stream

    return Response(stream_with_context(parts()))  # stream


def last():
    return "done"  # stream


@app.get("/threads/<int:number>")
def threads(number):
    found = []  # threads
    workers = [threading.Thread(target=work, args=(found,)) for _ in range(2)]  # threads
    for worker in workers:  # threads
        worker.start()  # threads
    for worker in workers:  # threads
        worker.join()  # threads
    return str(len(found))  # threads


def work(found):
    found.append(1)  # threads


@app.get("/late/<int:number>")
def late(number):
    threading.Thread(target=later).start()  # late
    return "now"  # late


def later():
    time.sleep(0.005)  # late
    finish()  # late


def finish():
    pass  # late


@app.get("/after/<int:number>")
def after(number):
    @after_this_request  # after
    def add_header(response):  # after
        response.headers["X-After"] = "yes"  # after
        return response  # after

    return "before"  # after


@app.post("/echo/<int:number>")
def echo(number):
    return request.get_data()  # echo


@app.get("/missing/<int:number>")
def missing(number):
    abort(404)  # missing


@app.get("/fault/<int:number>")
def fault(number):
    raise RuntimeError("on purpose")  # fault
