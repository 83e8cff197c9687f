// Links work without this file. With it a link replaces the page's content in place, arrow keys go
// along the path, and a button copies the link of the state.
"use strict";

const said = document.getElementById("said");

function prepare() {
  for (const copy of document.querySelectorAll("button.copy")) {
    copy.hidden = false;
  }
}

// the number of the newest page that was asked for: what comes later for an older one is not shown
let newest = 0;

async function show(address, push) {
  const number = ++newest;
  document.querySelector("main").setAttribute("aria-busy", "true");
  let answer, text;
  try {
    answer = await fetch(address);
    text = await answer.text();
  } catch {
    location.assign(address);
    return;
  }
  if (number !== newest) return;
  const fresh = new DOMParser().parseFromString(text, "text/html");
  if (!fresh.querySelector("main")) {
    location.assign(address);
    return;
  }
  const focused = document.activeElement?.dataset?.key;
  if (push) {
    history.pushState(null, "", answer.url);
  }
  document.title = fresh.title;
  for (const part of ["header.top", "main"]) {
    document.querySelector(part).replaceWith(fresh.querySelector(part));
  }
  const same = focused && document.querySelector(`a[data-key="${focused}"]`);
  (same || document.getElementById("main")).focus({ preventScroll: true });
  said.textContent = document.querySelector(".notice")?.textContent || document.title;
  prepare();
}

function isPlain(event) {
  return !(event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey);
}

document.addEventListener("click", async (event) => {
  if (!isPlain(event)) return;
  if (event.target.closest("button.copy")) {
    try {
      await navigator.clipboard.writeText(new URL(event.target.dataset.link, location.href).href);
      said.textContent = "link copied";
      event.target.textContent = "Copied";
    } catch {
      said.textContent = "the browser does not let this page copy: the link is in its address bar";
    }
    return;
  }
  const link = event.target.closest("a[href]");
  if (!link || new URL(link.href).origin !== location.origin || link.hash) return;
  event.preventDefault();
  show(link.href, true);
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  event.preventDefault();
  show(`${form.action}?${new URLSearchParams(new FormData(form))}`, true);
});

document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  const link = document.querySelector(`a[data-key="${CSS.escape(event.key)}"]`);
  if (!link) return;
  event.preventDefault();
  show(link.href, true);
});

window.addEventListener("popstate", () => show(location.href, false));
prepare();
