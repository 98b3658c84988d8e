// Live updates: an event says that something has changed, and the parts of the page that are marked data-live are
// replaced by those of the same page, asked for anew. Without this script, loading the page again does the same.
(() => {
  "use strict";

  const SOONEST = 500; // ms between two updates, and at least:
  const SHARE = 10; // so many times what the server has waited for the last one, but
  const LATEST = 5000; // ms after that, however busy the server is
  const PATIENCE = 3000; // ms without a connection until the page says so

  const body = document.body;

  // Two rows can be compared, and no other number of them.
  function waitForTwo() {
    for (const button of document.querySelectorAll("[data-compare]")) {
      button.disabled = button.form.querySelectorAll("input[name=of]:checked").length !== 2;
    }
  }
  document.addEventListener("change", waitForTwo);
  addEventListener("pageshow", waitForTwo); // browsers remember marks
  waitForTwo();

  // From one missing line to the next, on this page of the source or another one.
  let passed = 0;

  function showSteps() {
    for (const steps of document.querySelectorAll(".steps")) {
      steps.hidden = false;
    }
  }

  function step(direction) {
    const links = [...document.querySelectorAll("[data-missing]")];
    const numbers = links.map((link) => Number(link.dataset.missing));
    const from = passed || lineAtTop();
    const index = direction > 0 ? numbers.findIndex((number) => number > from) : numbers.findLastIndex((number) => number < from);
    const link = links[index < 0 ? (direction > 0 ? 0 : links.length - 1) : index];
    if (!link) {
      return;
    }
    passed = Number(link.dataset.missing);
    const row = document.getElementById(`L${passed}`);
    if (!row) {
      location.href = link.href;
      return;
    }
    history.replaceState(null, "", `#L${passed}`);
    for (const other of document.querySelectorAll("tr.here")) {
      other.classList.remove("here");
    }
    row.classList.add("here");
    row.scrollIntoView({ block: "center" });
    (row.querySelector(".no a") || row).focus({ preventScroll: true });
  }

  // Where the reader is: at the line that the address names, else at the first that is seen.
  function lineAtTop() {
    const named = /^#L(\d+)$/.exec(location.hash);
    if (named) {
      return Number(named[1]);
    }
    const top = document.querySelector("header").offsetHeight;
    const row = [...document.querySelectorAll("table.source tr[id^=L]")].find((one) => one.getBoundingClientRect().bottom > top);
    return row ? Number(row.id.slice(1)) - 1 : 0;
  }

  addEventListener("hashchange", () => (passed = 0));
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

  if (!body.dataset.events) {
    return; // an error stays what it is
  }
  const notice = document.getElementById("connection");
  let version = body.dataset.version || "";
  let announced = version;
  let source = null;
  let timer = 0;
  let patience = 0;
  let asking = false;
  let wanted = false;
  let notBefore = 0;
  let failed = false;

  function update() {
    wanted = true;
    if (!asking && !timer) {
      timer = setTimeout(ask, Math.max(0, notBefore - performance.now()));
    }
  }

  async function ask() {
    timer = 0;
    asking = true;
    wanted = false;
    let behind = false;
    try {
      const response = await fetch(location.href);
      const spent = /dur=([\d.]+)/.exec(response.headers.get("Server-Timing") || "");
      notBefore = performance.now() + Math.min(LATEST, Math.max(SOONEST, SHARE * (spent ? Number(spent[1]) : 0)));
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      if (response.ok) {
        failed = false;
        show(page);
        behind = "behind" in body.dataset || version !== announced;
      } else if (failed) {
        location.reload(); // to the error
      } else {
        // A server that is about to end fails too: what is shown must not give way to nothing.
        failed = behind = true;
        notBefore = performance.now() + SOONEST;
      }
    } catch {
      notBefore = performance.now() + PATIENCE; // the stream of events says what is wrong
    }
    asking = false;
    if (wanted || behind) {
      update();
    }
  }

  function show(page) {
    const parts = [...document.querySelectorAll("[data-live]")];
    const named = (root) => [...root.querySelectorAll("[data-live]")].map((part) => part.id).join();
    if (page.getElementById("progress") && !document.getElementById("progress")) {
      body.toggleAttribute("data-behind", true); // what is shown stays until there is more
      return;
    }
    if (named(document) !== named(page)) {
      location.reload(); // another page altogether: an error, say, or the first figures
      return;
    }
    version = page.body.dataset.version || "";
    document.title = page.title;
    body.toggleAttribute("data-behind", "behind" in page.body.dataset);
    for (const part of parts) {
      const renewed = page.getElementById(part.id);
      if (part.innerHTML !== renewed.innerHTML) {
        replace(part, renewed);
      }
    }
    showSteps();
    waitForTwo();
    showEnd();
  }

  // What the reader has done to a part stays: marks, opened details, the place of the keyboard, scrolling.
  function replace(part, renewed) {
    const marked = [...part.querySelectorAll(":checked")].map((box) => box.value);
    const opened = [...part.querySelectorAll("details[open]")].map((details) => details.id);
    const scrolled = [...part.querySelectorAll(".scroll")].map((box) => [box.scrollLeft, box.scrollTop]);
    const focused = part.contains(document.activeElement) ? keyOf(document.activeElement) : null;
    part.replaceChildren(...renewed.childNodes);
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

  // What is wrong with the server, if anything is: what needs it is not there then.
  function say(text) {
    if (notice.textContent !== text) {
      notice.textContent = text;
      notice.hidden = !text;
      showEnd();
    }
  }

  function showEnd() {
    const ended = !notice.hidden;
    document.getElementById("now").hidden = ended;
    document.getElementById("ended").hidden = !ended;
    for (const part of document.querySelectorAll("[data-needs-server]")) {
      part.hidden = ended;
    }
    for (const button of document.querySelectorAll("form button")) {
      button.disabled = ended;
    }
    if (!ended) {
      waitForTwo();
    }
  }

  function listen() {
    source = new EventSource(`${body.dataset.events}?version=${encodeURIComponent(version)}`);
    source.onopen = () => {
      clearTimeout(patience);
      patience = 0;
      say("");
    };
    source.addEventListener("end", () => say("The server has ended. This is what was known last; `flask livecov report` has all of it."));
    source.onmessage = (event) => {
      announced = event.lastEventId;
      if (announced !== version) {
        update();
      }
    };
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) {
        setTimeout(watch, PATIENCE); // the answer was no stream
      }
      // Streams end and begin again; only one that does not is worth a word.
      if (!patience && notice.hidden) {
        patience = setTimeout(() => say("The server does not answer: it has ended, or is busy. This is what was known last."), PATIENCE);
      }
    };
  }

  // Browsers open few connections to a server, and the application needs them: a page that nobody sees has none.
  function watch() {
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
    notBefore = performance.now() + SOONEST;
    update();
  }
  watch();
})();
