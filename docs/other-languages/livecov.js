const base = require("@playwright/test");

const name = (testInfo) => testInfo.titlePath.join(" > ");

exports.expect = base.expect;
exports.test = base.test.extend({
  // Pages: a cookie, which is sent to the server at baseURL alone. Headers of a context would be sent to all hosts.
  context: async ({ context, baseURL }, use, testInfo) => {
    const value = encodeURIComponent(name(testInfo));
    await context.addCookies([{ name: "livecov_test", value, url: baseURL, httpOnly: true }]);
    await use(context);
  },
  // Requests without a page: a header.
  request: async ({ playwright, baseURL }, use, testInfo) => {
    const header = Buffer.from(name(testInfo)).toString("latin1");
    const request = await playwright.request.newContext({
      baseURL,
      extraHTTPHeaders: { "Livecov-Test": header },
    });
    await use(request);
    await request.dispose();
  },
});
