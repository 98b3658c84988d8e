import { afterEach, beforeEach, test } from "node:test";

const control = (path) => fetch(new URL(`/__coverage__/${path}`, process.env.LIVECOVERAGE_URL));

beforeEach((t) => control(`start?name=${encodeURIComponent(t.name)}`));
afterEach(() => control("stop"));

test("window one", () => fetch(new URL("/page/one", process.env.LIVECOVERAGE_URL)));
test("window two", () => fetch(new URL("/page/two", process.env.LIVECOVERAGE_URL)));
