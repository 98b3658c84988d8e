// Live updates: after an event, the same page is requested again, and its parts that are marked data-live replace the
// old ones. Without this script, reloading the page does the same.
(() => {
  "use strict";

  // The pause after an update: FACTOR times the time the server waited for the page, within these limits (ms).
  const FACTOR = 10;
  const MIN_PAUSE = 500;
  const MAX_PAUSE = 5000;
  const PATIENCE = 3000; // ms without a connection before the page reports it

  const body = document.body;

  // The button is enabled when exactly two rows are marked.
  function updateCompareButtons() {
    for (const button of document.querySelectorAll("[data-compare]")) {
      button.disabled = button.form.querySelectorAll("input[name=of]:checked").length !== 2;
    }
  }
  document.addEventListener("change", updateCompareButtons);
  addEventListener("pageshow", updateCompareButtons); // browsers restore marks
  updateCompareButtons();

  // Steps from one missing line to the next, on this page of the source or another one.
  let lastLine = 0;

  function showSteps() {
    for (const steps of document.querySelectorAll(".steps")) {
      steps.hidden = false;
    }
  }

  function step(direction) {
    const links = [...document.querySelectorAll("[data-missing]")];
    const numbers = links.map((link) => Number(link.dataset.missing));
    const from = lastLine || lineAtTop();
    const index = direction > 0 ? numbers.findIndex((number) => number > from) : numbers.findLastIndex((number) => number < from);
    const link = links[index < 0 ? (direction > 0 ? 0 : links.length - 1) : index];
    if (!link) {
      return;
    }
    lastLine = Number(link.dataset.missing);
    const row = document.getElementById(`L${lastLine}`);
    if (!row) {
      location.href = link.href;
      return;
    }
    history.replaceState(null, "", `#L${lastLine}`);
    for (const other of document.querySelectorAll("tr.here")) {
      other.classList.remove("here");
    }
    row.classList.add("here");
    row.scrollIntoView({ block: "center" });
    (row.querySelector(".no a") || row).focus({ preventScroll: true });
  }

  // The line in the address, or the line before the first visible one.
  function lineAtTop() {
    const named = /^#L(\d+)$/.exec(location.hash);
    if (named) {
      return Number(named[1]);
    }
    const top = document.querySelector("header").offsetHeight;
    const row = [...document.querySelectorAll("table.source tr[id^=L]")].find((one) => one.getBoundingClientRect().bottom > top);
    return row ? Number(row.id.slice(1)) - 1 : 0;
  }

  addEventListener("hashchange", () => (lastLine = 0));
  document.addEventListener("click", (event) => {
    const button = event.target.closest("#next, #previous");
    if (button) {
      step(button.id === "next" ? 1 : -1);
    }
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input:not([type=checkbox]), select, textarea");
    if (!typing && !event.ctrlKey && !event.metaKey && !event.altKey && (event.key === "j" || event.key === "k")) {
      step(event.key === "j" ? 1 : -1);
    }
  });
  showSteps();

  // Another run than the live one is only requested again if the page is not complete yet; error pages never are.
  const isLive = "events" in body.dataset;
  if (!isLive && !("behind" in body.dataset)) {
    return;
  }
  const notice = document.getElementById("connection");
  let version = body.dataset.version || "";
  let announced = version;
  let source = null;
  let timer = 0;
  let patience = 0;
  let loading = false;
  let updateNeeded = false;
  let notBefore = 0;
  let failed = false;

  function update() {
    updateNeeded = true;
    if (!loading && !timer) {
      timer = setTimeout(load, Math.max(0, notBefore - performance.now()));
    }
  }

  async function load() {
    timer = 0;
    loading = true;
    updateNeeded = false;
    let behind = false;
    try {
      const response = await fetch(location.href);
      const spent = /dur=([\d.]+)/.exec(response.headers.get("Server-Timing") || "");
      const pause = FACTOR * (spent ? Number(spent[1]) : 0);
      notBefore = performance.now() + Math.min(MAX_PAUSE, Math.max(MIN_PAUSE, pause));
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      if (response.ok) {
        failed = false;
        show(page);
        behind = "behind" in body.dataset || (isLive && version !== announced);
      } else if (failed) {
        location.reload(); // shows the error
      } else {
        // A server that is ending fails too: keep the content for one more attempt.
        failed = behind = true;
        notBefore = performance.now() + MIN_PAUSE;
      }
    } catch {
      notBefore = performance.now() + PATIENCE; // the event stream reports the problem
    }
    loading = false;
    if (updateNeeded || behind) {
      update();
    }
  }

  function show(page) {
    const parts = [...document.querySelectorAll("[data-live]")];
    const ids = (root) => [...root.querySelectorAll("[data-live]")].map((part) => part.id).join();
    if (page.getElementById("progress") && !document.getElementById("progress")) {
      body.toggleAttribute("data-behind", true); // keep the present content until the new one is ready
      return;
    }
    if (ids(document) !== ids(page)) {
      location.reload(); // a page of another kind: an error, or the first one with content
      return;
    }
    version = page.body.dataset.version || "";
    document.title = page.title;
    body.toggleAttribute("data-behind", "behind" in page.body.dataset);
    for (const part of parts) {
      const updated = page.getElementById(part.id);
      if (part.innerHTML !== updated.innerHTML) {
        replace(part, updated);
      }
    }
    showSteps();
    updateCompareButtons();
    showConnection();
  }

  // Keeps the state of a part: marks, opened details, keyboard focus, and scroll positions.
  function replace(part, updated) {
    const marked = [...part.querySelectorAll(":checked")].map((box) => box.value);
    const opened = [...part.querySelectorAll("details[open]")].map((details) => details.id);
    const scrolled = [...part.querySelectorAll(".scroll")].map((box) => [box.scrollLeft, box.scrollTop]);
    const focused = part.contains(document.activeElement) ? keyOf(document.activeElement) : null;
    part.replaceChildren(...updated.childNodes);
    for (const box of part.querySelectorAll("input[type=checkbox]")) {
      box.checked = marked.includes(box.value);
    }
    for (const details of part.querySelectorAll("details")) {
      details.open = opened.includes(details.id);
    }
    [...part.querySelectorAll(".scroll")].forEach((box, index) => {
      [box.scrollLeft, box.scrollTop] = scrolled[index] || [0, 0];
    });
    if (focused) {
      const again = [...part.querySelectorAll("a, button, input, summary, [tabindex]")].find((one) => keyOf(one) === focused);
      (again || document.getElementById("main")).focus({ preventScroll: true });
    }
  }

  function keyOf(element) {
    return [element.tagName, element.id, element.getAttribute("href"), element.getAttribute("aria-label")].join(" ");
  }

  // Shows a problem with the server, or hides the notice if `text` is empty.
  function notify(text) {
    if (notice.textContent !== text) {
      notice.textContent = text;
      notice.hidden = !text;
      showConnection();
    }
  }

  // While a notice is shown, hides and disables everything that needs the server.
  function showConnection() {
    const ended = !notice.hidden;
    document.getElementById("run-state").hidden = ended;
    document.getElementById("ended").hidden = !ended;
    for (const part of document.querySelectorAll("[data-needs-server]")) {
      part.hidden = ended;
    }
    for (const button of document.querySelectorAll("form button")) {
      button.disabled = ended;
    }
    if (!ended) {
      updateCompareButtons();
    }
  }

  function listen() {
    source = new EventSource(`${body.dataset.events}?version=${encodeURIComponent(version)}`);
    source.onopen = () => {
      clearTimeout(patience);
      patience = 0;
      notify("");
    };
    source.addEventListener("end", () => notify("The server has ended. This page shows its last known state; `flask livecov report` shows everything."));
    source.onmessage = (event) => {
      announced = event.lastEventId;
      if (announced !== version) {
        update();
      }
    };
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) {
        setTimeout(watch, PATIENCE); // the response was not a stream
      }
      // Streams end regularly and the browser reconnects; report only if that takes too long.
      if (!patience && notice.hidden) {
        patience = setTimeout(() => notify("The server does not answer: it has ended, or is busy. This page shows its last known state."), PATIENCE);
      }
    };
  }

  // Browsers open few connections to a server, and the application needs them: a hidden page keeps none open.
  function watch() {
    if (!isLive) {
      return;
    }
    if (source) {
      source.close();
      source = null;
    }
    if (document.hidden) {
      clearTimeout(patience);
      patience = 0;
    } else {
      listen();
    }
  }

  document.addEventListener("visibilitychange", watch);
  addEventListener("pagehide", () => source && source.close());
  addEventListener("pageshow", (event) => event.persisted && watch());
  addEventListener("popstate", () => {
    notBefore = 0;
    update();
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-line]");
    if (link && event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey)) {
      event.preventDefault();
      history.pushState(null, "", link.href);
      notBefore = 0;
      clearTimeout(timer);
      timer = 0;
      update();
    }
  });
  if ("behind" in body.dataset) {
    notBefore = performance.now() + MIN_PAUSE;
    update();
  }
  watch();
})();
