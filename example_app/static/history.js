"use strict";

const section = document.querySelector("#history");

if (section) {
  const list = section.querySelector("#checks");
  const status = section.querySelector("#status");
  const clearButton = section.querySelector("#clear");
  const rowTemplate = section.querySelector("#check-row");

  async function call(method, body) {
    const response = await fetch(section.dataset.url, {
      method,
      headers: body ? { "Content-Type": "application/json" } : {},
      body: body && JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    return response.status === 204 ? null : response.json();
  }

  function row(check) {
    const item = rowTemplate.content.cloneNode(true).firstElementChild;
    const [link, percent, time, again] = item.children;
    item.dataset.id = check.id;
    link.href = check.url;
    link.textContent = `${check.fraction} of ${check.total}`;
    percent.textContent = check.percent === null ? "Invalid" : `${check.percent}%`;
    percent.classList.toggle("invalid", check.percent === null);
    time.dateTime = check.checked_at;
    time.textContent = new Date(check.checked_at).toLocaleTimeString([], { timeStyle: "short" });
    again.setAttribute("aria-label", `Check ${link.textContent} again`);
    again.addEventListener("click", () => update(() => checkAgain(check)));
    return item;
  }

  async function checkAgain({ fraction, total }) {
    const check = await call("POST", { fraction, total });
    return check.verdict;
  }

  async function clear() {
    await call("DELETE");
    return "";
  }

  /* Run an action, then show the server's current history. */
  async function update(action) {
    section.setAttribute("aria-busy", "true");
    try {
      const message = await action();
      const checks = await call("GET");
      list.replaceChildren(...checks.map(row));
      clearButton.hidden = checks.length === 0;
      status.textContent = checks.length ? message : "No checks yet.";
    } catch (error) {
      status.textContent = `That did not work: ${error.message}.`;
    }
    section.setAttribute("aria-busy", "false");
  }

  clearButton.addEventListener("click", () => update(clear));
  update(async () => "");
}
