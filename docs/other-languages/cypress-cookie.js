// cypress/support/e2e.js
beforeEach(() => {
  const name = Cypress.currentTest.titlePath.join(" > ");
  cy.setCookie("livecov_test", encodeURIComponent(name), { httpOnly: true });
});
