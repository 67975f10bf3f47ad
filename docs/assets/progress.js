// What a reader has done: kept in this browser under one key, shown in the navigation and on the page of progress.
// Which checks there are, and what their right answers hash to, is read from that page, which the build writes.
(() => {
  "use strict";
  const HOME = new URL("../", document.currentScript.src), KEY = "lora-measured-v1", VERSION = 1;
  const $ = (query, el = document) => el.querySelector(query);
  const $$ = (query, el = document) => [...el.querySelectorAll(query)];
  const make = (tag, props, ...children) => {
    const el = Object.assign(document.createElement(tag), props);
    el.append(...children);
    return el;
  };

  const style = new CSSStyleSheet();
  style.replaceSync(`
    .mark { flex: none; display: inline-block; box-sizing: border-box; width: .8em; height: .8em; margin: .3em .4em 0 0; border: 1.5px solid var(--hair); border-radius: 50%; forced-color-adjust: none; print-color-adjust: exact; }
    .mark:not([data-state="none"]) { border-color: var(--ink); background: linear-gradient(90deg, var(--ink) 50%, transparent 0); }
    .mark[data-state="done"] { background: var(--ink); }
    .md-nav__item:has(> * > .mark) .md-nav--secondary { margin-left: 1.2em; }
    .progress { margin: 0 .6rem .6rem; font-size: .65rem; color: var(--ink-2); font-variant-numeric: tabular-nums; }
    .progress progress { display: block; width: 100%; height: 3px; margin-top: .25rem; appearance: none; border: 0; background: var(--line); }
    .progress ::-webkit-progress-bar { background: var(--line); }
    .progress ::-webkit-progress-value { background: var(--ink); }
    .progress ::-moz-progress-bar { background: var(--ink); }
    .widget .progress { margin: 0 0 .6rem; }
    .md-typeset .checks ul { list-style: none; margin: 0 !important; }
    html .md-typeset .checks li { display: flex; margin: 0 0 .4rem; font-size: .8rem; }
    .start li > .mark { float: right; }
    [data-do] { background: var(--paper); }`);
  document.adoptedStyleSheets.push(style);

  // ---- what is kept: { version, checks: { name: hash of the right answer that was given } }
  // MIGRATIONS[n] makes version n + 1 of version n; version 0 is the checks alone.
  const MIGRATIONS = [(old) => ({ version: 1, checks: old })];
  const NOTES = {
    blocked: "This browser lets the page keep nothing: what you do here is forgotten when you leave.",
    full: "This browser has no room to keep this: it is forgotten when you leave.",
    unreadable: "What this browser kept could not be read. It was put aside, and the count starts anew.",
    later: "What this browser keeps comes from a later edition of the lesson, and is left as it is.",
  };
  let unsaved = {}, trouble = "";

  function understood(text) {
    let data = JSON.parse(text);
    if (!data || typeof data !== "object" || Array.isArray(data)) throw new Error("unreadable");
    if (data.version > VERSION) throw new Error("later");
    while ((data.version || 0) < VERSION) data = MIGRATIONS[data.version || 0](data);
    return Object.fromEntries(Object.entries(data.checks).filter(([, hash]) => typeof hash === "string"));
  }

  function load() {
    let text = null;
    try { text = localStorage.getItem(KEY); } catch { trouble = "blocked"; }
    if (text === null) return { ...unsaved };
    try {
      return { ...understood(text), ...unsaved };
    } catch (error) {
      trouble = error.message === "later" ? "later" : "unreadable";
      if (trouble === "unreadable") {
        try { localStorage.setItem(`${KEY}-unreadable`, text); localStorage.removeItem(KEY); } catch { /* stays where it is */ }
      }
      return { ...unsaved };
    }
  }

  function save(checks) {
    if (trouble === "later") { unsaved = checks; return; }
    try {
      localStorage.setItem(KEY, JSON.stringify({ version: VERSION, checks }));
      unsaved = {};
    } catch (error) {
      unsaved = checks;
      trouble = error.name === "QuotaExceededError" ? "full" : "blocked";
    }
  }

  // One quiet note, at the place where it matters.
  function note(after) {
    $$(".kept").forEach((el) => el.remove());
    if (trouble) after.after(make("p", { className: "fine kept", textContent: NOTES[trouble] }));
  }

  // ---- which checks there are
  let list;
  const chaptersOf = (page, address) => $$("[data-chapter]", page).map((el) => ({
    path: new URL(el.dataset.chapter, address).pathname,
    checks: $$("[data-check]", el).map((li) => li.dataset),
  }));

  async function chapters() {
    if ($("[data-chapter]")) return chaptersOf(document, location.href);
    if (location.protocol === "file:") return [];
    const address = new URL("progress/", HOME);
    list ||= fetch(address).then(async (response) => {
      if (!response.ok) throw new Error(response.status);
      return chaptersOf(new DOMParser().parseFromString(await response.text(), "text/html"), address);
    }).catch(() => { list = null; return []; });
    return list;
  }

  // ---- what is seen of it
  const count = (checks, done) => checks.filter(({ check, hash }) => done[check] === hash).length;
  const words = (n, of) => `${n} of ${of} checks done`;

  function circle(n, of, label = words(n, of)) {
    const mark = make("span", { className: "mark", ariaLabel: label });
    mark.setAttribute("role", "img");
    mark.dataset.state = n === of ? "done" : n ? "part" : "none";
    return mark;
  }

  const bar = (n, of) => make("div", { className: "progress" },
    make("label", {}, words(n, of), make("progress", { max: of, value: n })));

  async function marks() {
    const all = await chapters(), done = load();
    $$(".mark, .progress").forEach((el) => el.remove());
    if (!all.length) return;
    const checks = all.flatMap((chapter) => chapter.checks);
    const nav = $(".md-nav--primary > .md-nav__list"), tools = $("[data-progress]");
    if (nav) nav.before(bar(count(checks, done), checks.length));
    for (const { path, checks } of all) {
      const n = count(checks, done), here = (a) => a.pathname === path && !a.hash;
      for (const li of $$(".md-nav--primary .md-nav__item")) {
        const links = [...li.children].filter((el) => el.matches(".md-nav__link"));
        if (links.some((el) => el.href && here(el))) links.forEach((el) => el.prepend(circle(n, checks.length)));
      }
      for (const a of $$(".lesson li > a, .start li > a")) if (here(a)) a.before(circle(n, checks.length));
    }
    if (!tools) return;
    tools.hidden = false;
    tools.prepend(bar(count(checks, done), checks.length));
    for (const li of $$("[data-chapter] [data-check]")) {
      const right = done[li.dataset.check] === li.dataset.hash;
      li.prepend(circle(right ? 1 : 0, 1, right ? "done" : "open"));
    }
    note($("[role=status]", tools));
  }

  // ---- what is done with it
  const ACTIONS = {
    export(say) {
      const text = JSON.stringify({ version: VERSION, checks: load() }, null, 1);
      const href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
      make("a", { href, download: "lora-measured-progress.json" }).click();
      URL.revokeObjectURL(href);
      say("Exported to a file.");
    },
    import(say) {
      const input = make("input", { type: "file", accept: "application/json" });
      input.addEventListener("change", async () => {
        try {
          const checks = understood(await input.files[0].text());
          save({ ...load(), ...checks });
          say("Imported. What you had done stays done.");
        } catch { say("This file holds no progress of this lesson. Nothing was changed."); }
        marks();
      });
      input.click();
    },
    reset(say) {
      if (!confirm("Forget all that you have done?")) return;
      trouble = trouble === "later" ? "" : trouble;
      unsaved = {};
      save({});
      say("All checks are open again.");
      marks();
    },
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-progress] [data-do]");
    if (button) ACTIONS[button.dataset.do]((text) => { $("[data-progress] [role=status]").textContent = text; });
  });
  // A check says this once its right option is chosen.
  document.addEventListener("lora-check", ({ target, detail }) => {
    save({ ...load(), [detail.check]: detail.hash });
    marks();
    note($("[role=status]", target));
  });
  addEventListener("storage", ({ key }) => { if (key === KEY || key === null) marks(); });

  const page = () => { marks(); };
  window.document$ && location.protocol !== "file:" ? window.document$.subscribe(page) : page();
})();
