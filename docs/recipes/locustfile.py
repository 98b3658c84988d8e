import functools
import os

from locust import HttpUser, task


def named(function):
    @functools.wraps(function)
    def run(user):
        user.client.headers["Livecov-Test"] = f"{type(user).__name__}.{function.__name__}"
        return function(user)

    return run


class Shopper(HttpUser):
    host = os.environ.get("LIVECOVERAGE_URL")

    @task(3)
    @named
    def first_page(self):
        self.client.get("/page/one")

    @task
    @named
    def second_page(self):
        self.client.get("/page/two")
