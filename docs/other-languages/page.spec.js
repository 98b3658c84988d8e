const { test, expect } = require("./livecov");

test("one", async ({ page, context }) => {
  await page.goto("/page/one");
  await expect(page).toHaveTitle("one");
  const other = await context.newPage();
  await other.goto("/page/one");
});

test("two, naïve ☃", async ({ request }) => {
  const response = await request.get("/page/two");
  expect(await response.text()).toContain("two");
});
