import assert from "node:assert";
import test from "node:test";

// Headers hold bytes, and the server reads UTF-8: so any name is possible.
const header = (name) => ({ "Livecov-Test": Buffer.from(name).toString("latin1") });

function client(t) {
  return (path, options = {}) =>
    fetch(new URL(path, process.env.LIVECOVERAGE_URL), {
      ...options,
      headers: { ...options.headers, ...header(t.name) },
    });
}

test("one", async (t) => {
  const response = await client(t)("/page/one");
  assert.match(await response.text(), /one/);
});

test("two, naïve ☃", async (t) => {
  const response = await client(t)("/page/two");
  assert.match(await response.text(), /two/);
});
