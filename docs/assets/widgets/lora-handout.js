// <lora-handout>: the whole lesson as one document to print: the first page, every chapter, the answers, the glossary. Each is
// fetched as it was built, and keeps its own list of where its numbers come from.
{
  const { lesson } = window, { $, $$ } = lesson;
  const style = new CSSStyleSheet();
  style.replaceSync(`
    lora-handout { display: block; font-size: .75rem; }
    lora-handout [hidden], lora-handout [role="status"]:empty { display: none !important; }
    .md-typeset .widget lora-handout [data-live] { margin-top: .6rem; }
    .md-typeset lora-handout button { font: 500 .75rem/1 var(--md-text-font); min-height: 36px; padding: 0 .8rem; border: 1px solid var(--hair); border-radius: 4px; background: var(--paper); color: var(--ink); cursor: pointer; }
    .md-typeset lora-handout [role="status"] { font-weight: 600; margin-top: .5rem; }
    @media (pointer: coarse) { .md-typeset lora-handout button { min-height: 44px; } }
    .handout legend { font-weight: 600; }
    .handout .md-typeset .ledger { columns: 2; column-gap: 1.6rem; font-size: .6rem; max-width: none; } .handout .ledger code { font-size: .52rem !important; } .handout .ledger b { font-size: .64rem !important; }
    .handout .refs { font-size: 6.5pt; vertical-align: super; line-height: 0; margin-left: 2px; color: var(--ink-2); }
    .handout article { padding: 0; margin: 0; --text: 34rem; --wide: 44rem; }
    .handout .lesson > .fine { display: none; }
    .handout lora-term a { text-decoration: none !important; }
    @media print { html:has(.handout) { font-size: 15px; } .handout article.starts { break-before: page; } .handout .md-typeset .ledger-wrap { break-inside: auto; } .handout summary { break-after: avoid; } .handout .option { break-inside: avoid; } }`);
  document.adoptedStyleSheets.push(style);

  async function fetched(address) {
    const response = await fetch(address);
    if (!response.ok) throw new Error(response.status);
    return new DOMParser().parseFromString(await response.text(), "text/html");
  }

  // Style sheets that a page of the handout has and this one has not.
  function styles(pages) {
    const have = new Set($$("link[rel=stylesheet]").map((link) => link.href)), wanted = new Map();
    for (const { page, address } of pages) {
      for (const link of $$("link[rel=stylesheet]", page)) wanted.set(new URL(link.getAttribute("href"), address).href, true);
    }
    return Promise.all([...wanted.keys()].filter((href) => !have.has(href)).map((href) => new Promise((done) => {
      const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href, onload: done, onerror: done });
      document.head.append(link);
    })));
  }

  const REFER = ["for", "aria-labelledby", "aria-describedby", "aria-controls", "headers", "list", "name"];

  // One page's article, with ids that are its own in the whole document, and links that stay inside where they can.
  function article({ page, address, name, starts }, inside) {
    const copy = document.importNode($("article", page), true), own = (id) => `${name}-${id}`;
    for (const el of $$("button, .foot, .verdict, .row, script, [data-search-exclude] > .edit", copy)) if (!el.closest("svg")) el.remove();
    for (const check of $$("quick-check", copy)) {           // a question here, and nothing to press
      const box = document.createElement("div");
      box.append(...check.childNodes);
      check.replaceWith(box);
    }
    for (const from of $$("check-answers .from", copy)) {    // its numbers have no links of their own
      const refs = from.dataset.refs.split(" ").map((id) => id.slice(1)).join(", ");
      from.replaceWith(Object.assign(document.createElement("span"), { className: "refs", textContent: refs }));
    }
    for (const number of $$("a.num", copy)) number.dataset.ref = number.hash.replace(/\D+/g, "");
    for (const el of [copy, ...$$("*", copy)]) {
      for (const attribute of [...el.attributes]) {
        const { name: key, value } = attribute;
        if (key === "id") el.id = own(value);
        else if (REFER.includes(key) && el.localName !== "meta") el.setAttribute(key, value.split(" ").map(own).join(" "));
        else if (key === "href" && value.startsWith("#")) el.setAttribute(key, `#${own(value.slice(1))}`);
        else if (key === "href" && el.localName === "a") {
          const target = new URL(value, address), to = inside.get(target.pathname);
          el.setAttribute(key, to ? `#${to}-${target.hash.slice(1) || "top"}` : target.href);
        } else if (key === "src") el.setAttribute(key, new URL(value, address).href);
        else if (value.includes("url(#")) el.setAttribute(key, value.replace(/url\(#/g, `url(#${name}-`));
      }
    }
    for (const fold of $$("details", copy)) fold.open = true;
    copy.id = own("top");
    copy.classList.toggle("starts", starts);
    return copy;
  }

  class Handout extends HTMLElement {
    connectedCallback() {
      if (this.button) return; // moved, not new
      this.button = $("button", this);
      $("[data-still]", this).hidden = true;
      $("[data-live]", this).hidden = false;
      this.button.addEventListener("click", () => this.make());
    }

    say(text) { $("[role=status]", this).textContent = text; }

    async make() {
      if (this.button.ariaBusy === "true") return;
      if (location.protocol === "file:") {
        this.say("From a file, a page may not read the others. Put the site on a server, or print chapter by chapter.");
        return;
      }
      this.button.ariaBusy = "true";
      this.say("Collecting the chapters.");
      try {
        await this.print();
        this.say("");
      } catch {
        this.say("A chapter could not be loaded, and a handout with a gap is none. Try again.");
      } finally {
        this.button.ariaBusy = null;
      }
    }

    async print() {
      const chapters = await lesson.chapters();
      const wanted = [
        { name: "index", path: "", starts: false },
        ...chapters.map(({ name }) => ({ name, path: `${name}/`, starts: true })),
        ...chapters.filter(({ checks }) => checks.length).map(({ name }, at) => ({ name: `answers-${name}`, path: `answers/${name}/`, starts: !at })),
        { name: "glossary", path: "reference/glossary/", starts: true },
      ];
      const pages = await Promise.all(wanted.map(async (one) => {
        const address = new URL(one.path, lesson.HOME);
        return { ...one, address, page: await fetched(address) };
      }));
      const inside = new Map(pages.map(({ name, address }) => [address.pathname, name]));
      const handout = Object.assign(document.createElement("div"), { className: "handout" });
      handout.append(...pages.map((page) => article(page, inside)));
      const day = new Date().toLocaleDateString("en-US", { dateStyle: "long" });
      handout.firstElementChild.append(Object.assign(document.createElement("p"), {
        className: "fine", textContent: `Printed on ${day} from ${lesson.HOME}, lesson version ${chapters.version}. A small number beside a number leads to the list at the end of its chapter.`,
      }));
      await styles(pages);
      await lesson.print(handout, "margin: 16mm 15mm");
    }
  }
  customElements.get("lora-handout") || customElements.define("lora-handout", Handout);
}
