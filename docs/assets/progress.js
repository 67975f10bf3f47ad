// What a reader has done: kept in this browser under one key, shown in the navigation and at the end of each chapter.
// Which chapters and checks there are, and what right answers hash to, is read from the page of progress, which the build
// writes. First of our scripts: the others take from window.lesson what they share.
(() => {
  "use strict";
  const HOME = new URL("../", document.currentScript.src), KEY = "lora-measured-v1", VERSION = 2;
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
    .start li > .mark { float: right; }
    .md-typeset .done { position: absolute; top: 100%; left: 0; right: 0; display: flex; align-items: center; gap: 1rem; height: 2.6rem; margin: 0; font-size: .7rem; line-height: 1.3; }
    .done label { flex: 1; display: flex; align-items: center; gap: .5rem; min-height: 44px; cursor: pointer; }
    .done input { accent-color: var(--ink); width: 16px; height: 16px; margin: 0; }
    .done a { padding: .5rem 0; }
    @media print { .done { display: none !important; } }`);
  document.adoptedStyleSheets.push(style);

  // ---- what is kept: { version, checks: { name: hash of the right answer that was given }, chapters: { name: true } }
  // MIGRATIONS[n] makes version n + 1 of version n; version 0 is the checks alone.
  const MIGRATIONS = [(old) => ({ version: 1, checks: old }), (old) => ({ ...old, version: 2, chapters: {} })];
  const NOTES = {
    blocked: "This browser lets the page keep nothing: what you do here is forgotten when you leave.",
    full: "This browser has no room to keep this: it is forgotten when you leave.",
    unreadable: "What this browser kept could not be read. It was put aside, and the count starts anew.",
    later: "What this browser keeps comes from a later edition of the lesson, and is left as it is.",
  };
  const NOTHING = { checks: {}, chapters: {} };
  const only = (all, right) => Object.fromEntries(Object.entries(all || {}).filter(([, value]) => right(value)));
  const merged = (one, other) => ({ checks: { ...one.checks, ...other.checks }, chapters: { ...one.chapters, ...other.chapters } });
  let unsaved = NOTHING, trouble = "";

  function understood(text) {
    let data = JSON.parse(text);
    if (!data || typeof data !== "object" || Array.isArray(data)) throw new Error("unreadable");
    if (data.version > VERSION) throw new Error("later");
    while ((data.version || 0) < VERSION) data = MIGRATIONS[data.version || 0](data);
    return { checks: only(data.checks, (hash) => typeof hash === "string"), chapters: only(data.chapters, (done) => done === true) };
  }
  const written = ({ checks, chapters }) => JSON.stringify({ version: VERSION, checks, chapters: only(chapters, (done) => done) });

  function load() {
    let text = null;
    try { text = localStorage.getItem(KEY); } catch { trouble = "blocked"; }
    if (text === null) return merged(NOTHING, unsaved);
    try {
      return merged(understood(text), unsaved);
    } catch (error) {
      trouble = error.message === "later" ? "later" : "unreadable";
      if (trouble === "unreadable") {
        try { localStorage.setItem(`${KEY}-unreadable`, text); localStorage.removeItem(KEY); } catch { /* stays where it is */ }
      }
      return merged(NOTHING, unsaved);
    }
  }

  function save(kept) {
    if (trouble === "later") { unsaved = kept; return; }
    try {
      localStorage.setItem(KEY, written(kept));
      unsaved = NOTHING;
    } catch (error) {
      unsaved = kept;
      trouble = error.name === "QuotaExceededError" ? "full" : "blocked";
    }
  }

  // Nothing is done, not even what a later edition or a full browser has not kept.
  function forget() {
    if (trouble === "later") trouble = "";
    unsaved = NOTHING;
    save(NOTHING);
  }

  // One quiet note, at the place where it matters.
  function note(after) {
    $$(".kept").forEach((el) => el.remove());
    if (trouble) after.after(make("p", { className: "fine kept", textContent: NOTES[trouble] }));
  }

  // ---- which chapters and checks there are
  let list;
  function read(page, address) {
    const chapters = $$("[data-chapter]", page).map((el) => ({
      name: el.dataset.name,
      path: new URL(el.dataset.chapter, address).pathname,
      checks: $$("[data-check]", el).map((li) => li.dataset),
    }));
    return Object.assign(chapters, { ...$(".checks", page)?.dataset }); // with the lesson's version, and what names these checks
  }

  async function chapters() {
    if ($("[data-chapter]")) return read(document, location.href);
    if (location.protocol === "file:") return [];
    const address = new URL("progress/", HOME);
    list ||= fetch(address).then(async (response) => {
      if (!response.ok) throw new Error(response.status);
      return read(new DOMParser().parseFromString(await response.text(), "text/html"), address);
    }).catch(() => { list = null; return []; });
    return list;
  }

  // ---- what is seen of it
  const count = (checks, kept) => checks.filter(({ check, hash }) => kept.checks[check] === hash).length;
  const answered = ({ checks }, kept) => checks.length > 0 && count(checks, kept) === checks.length;
  const finished = (chapter, kept) => answered(chapter, kept) || Boolean(kept.chapters[chapter.name]);
  const score = (all, kept) => {
    const checks = all.flatMap((chapter) => chapter.checks);
    return { right: count(checks, kept), checks: checks.length, done: all.filter((one) => finished(one, kept)).length, chapters: all.length };
  };

  function circle(state, label) {
    const mark = make("span", { className: "mark", ariaLabel: label });
    mark.setAttribute("role", "img");
    mark.dataset.state = state;
    return mark;
  }

  const bar = (n, of, what) => make("div", { className: "progress" },
    make("label", {}, `${n} of ${of} ${what} done`, make("progress", { max: of, value: n })));

  function state(chapter, kept) {
    const n = count(chapter.checks, kept), of = chapter.checks.length, done = finished(chapter, kept);
    const words = of ? `${n} of ${of} checks done` : done ? "done" : "open";
    return circle(done ? "done" : n ? "part" : "none", done && of && n < of ? `done, ${words}` : words);
  }

  async function marks() {
    const all = await chapters(), kept = load();
    $$(".mark, .progress, .done").forEach((el) => el.remove());
    if (!all.length) return;
    const { right, checks } = score(all, kept), nav = $(".md-nav--primary > .md-nav__list");
    if (nav) nav.before(bar(right, checks, "checks"));
    for (const chapter of all) {
      const here = (a) => a.pathname === chapter.path && !a.hash;
      for (const li of $$(".md-nav--primary .md-nav__item")) {
        const links = [...li.children].filter((el) => el.matches(".md-nav__link"));
        if (links.some((el) => el.href && here(el))) links.forEach((el) => el.prepend(state(chapter, kept)));
      }
      for (const a of $$(".lesson li > a, .start li > a")) if (here(a)) a.before(state(chapter, kept));
      if (chapter.path === location.pathname) control(chapter, all, kept);
    }
    document.dispatchEvent(new CustomEvent("lora-progress", { detail: { all, kept } }));
  }

  // At the end of a chapter, in the room that is free there anyway.
  function control(chapter, all, kept) {
    const box = make("input", { type: "checkbox", checked: finished(chapter, kept), disabled: answered(chapter, kept) });
    const open = all.some((one) => !finished(one, kept));
    const link = make("a", { href: new URL(open ? "progress/" : "certificate/", HOME), textContent: open ? "What is open" : "Your certificate" });
    const row = make("p", { className: "done" }, make("label", {}, box, box.disabled ? "This chapter is done" : "Mark this chapter as done"), link);
    box.addEventListener("change", async () => {
      const now = load();
      save({ ...now, chapters: { ...now.chapters, [chapter.name]: box.checked } });
      await marks();
      $(".done input").focus();
      note($(".done label"));
    });
    $("article").append(row);
  }

  // A check says this once its right option is chosen.
  document.addEventListener("lora-check", async ({ target, detail }) => {
    const now = load();
    save({ ...now, checks: { ...now.checks, [detail.check]: detail.hash } });
    await marks();
    note($("[role=status]", target));
  });
  addEventListener("storage", ({ key }) => { if (key === KEY || key === null) marks(); });

  // On paper this alone; the page comes back when the dialog closes.
  function print(el, paper) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(`@page { ${paper} } @media print { body > :not(.paper) { display: none !important; } body, html { height: auto; } } @media screen { .paper { position: fixed; visibility: hidden; height: 0; overflow: hidden; } }`);
    el.classList.add("paper");
    document.body.append(el);
    document.adoptedStyleSheets.push(sheet);
    addEventListener("afterprint", () => {
      el.remove();
      document.adoptedStyleSheets = document.adoptedStyleSheets.filter((one) => one !== sheet);
    }, { once: true });
    return document.fonts.ready.then(() => window.print());
  }

  window.lesson = { $, $$, make, HOME, chapters, load, save, forget, merged, understood, written, note, score, count, finished, state, circle, bar, marks, print };
  const page = () => { marks(); };
  window.document$ && location.protocol !== "file:" ? window.document$.subscribe(page) : page();
})();
