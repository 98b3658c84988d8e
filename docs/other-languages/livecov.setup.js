// Headers hold bytes, and the server reads UTF-8: so any name is possible.
const header = (name) => Buffer.from(name).toString("latin1");

const original = globalThis.fetch;

globalThis.fetch = (...args) => {
  const request = new Request(...args);
  const { currentTestName, testPath } = expect.getState();
  if (currentTestName && request.url.startsWith(process.env.LIVECOVERAGE_URL + "/")) {
    request.headers.set("Livecov-Test", header(`${testPath.split("/").pop()} > ${currentTestName}`));
  }
  return original(request);
};
