// cypress/support/e2e.js
beforeEach(() => {
  const name = Cypress.currentTest.titlePath.join(" > ");
  cy.request({ url: "/__coverage__/start", qs: { name } });
});

afterEach(() => {
  cy.request("/__coverage__/stop");
});
