const base = require("@playwright/test");

const url = process.env.LIVECOVERAGE_URL;
const name = () => base.test.info().titlePath.join(" > ");
const contexts = new Set();

// Pages: a cookie, which is sent only to the server. Headers of a context would be sent to all hosts.
async function sign(context) {
  const value = encodeURIComponent(name());
  if (url) await context.addCookies([{ name: "livecov_test", value, url, httpOnly: true }]);
}

exports.sign = sign;
exports.expect = base.expect;
exports.test = base.test.extend({
  // The contexts of the fixtures "context" and "page", and all that a test creates itself.
  browser: [
    async ({ browser }, use) => {
      const newContext = browser.newContext.bind(browser);
      browser.newContext = async (options) => {
        const context = await newContext(options);
        contexts.add(context);
        context.on("close", () => contexts.delete(context));
        await sign(context);
        return context;
      };
      await use(browser);
    },
    { scope: "worker" },
  ],
  // A context that outlives a test, such as one made in beforeAll, belongs to the next test.
  livecov: [
    async ({}, use) => {
      for (const context of contexts) await sign(context);
      await use();
    },
    { auto: true },
  ],
  // Requests without a page: a header.
  request: async ({ playwright, baseURL }, use) => {
    const header = Buffer.from(name()).toString("latin1");
    const request = await playwright.request.newContext({
      baseURL,
      extraHTTPHeaders: { "Livecov-Test": header },
    });
    await use(request);
    await request.dispose();
  },
});
