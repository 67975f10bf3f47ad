// A check: native radios and a button. Verdicts and reasons are read from the page of answers when asked for, never before.
// Without this file the question, its options and a link to the answers stand there.
(() => {
  "use strict";
  const { $, $$, make } = window.lesson;

  // The style of what this file makes; what stands there without it is in site.css.
  const style = new CSSStyleSheet();
  style.replaceSync(`
    .option label { cursor: pointer; }
    .md-typeset .option .why { padding-left: calc(16px + .7rem); font-size: .75rem; line-height: 1.5; color: var(--ink-2); }
    .why b, [data-chosen] .why { color: var(--ink) !important; }
    [data-chosen] { box-shadow: inset 3px 0 var(--ink); }
    [data-chosen] label { font-weight: 600; }
    .md-typeset .widget .row { display: flex; flex-wrap: wrap; align-items: center; gap: .2rem .8rem; margin-top: .5rem; }
    .row a { padding: .35rem 0; }
    .md-typeset .widget button { font: 500 .75rem/1 var(--md-text-font); min-height: 36px; padding: 0 .8rem; border: 1px solid var(--hair); border-radius: 4px; color: var(--ink); cursor: pointer; }
    .md-typeset .widget .solid { background: var(--ink); color: var(--paper); }
    .md-typeset .widget .quiet { border: 0; padding: 0 .2rem; text-decoration: underline 1px; text-underline-offset: 3px; }
    .row [hidden], .verdict:empty { display: none; }
    .md-typeset .widget .verdict { font-weight: 600; margin-top: .5rem; }
    @media (min-width: 44em) { .row a { margin-left: auto; } }
    @media (pointer: coarse) { .option label { padding: .3rem 0; } .md-typeset .widget button { min-height: 44px; } .row a { padding: .6rem 0; } }
    @media (forced-colors: active) { [data-chosen] { border-left: 3px solid; } }
    @media print { .option .why, .verdict { display: none; } .widget { break-inside: avoid; } }`);
  document.adoptedStyleSheets.push(style);

  const pages = new Map();                                     // address -> the page of answers, once it was read
  const parsed = (address, text) => {
    const page = new DOMParser().parseFromString(text, "text/html");
    pages.set(address, page);
    return page;
  };
  async function answers(address) {
    if (pages.has(address)) return pages.get(address);
    const response = await fetch(address);
    if (!response.ok) throw new Error(response.status);
    return parsed(address, await response.text());
  }

  // What stands in an answer, without what belongs to its own page.
  function copied(el) {
    const copy = document.importNode(el, true);
    $$(".from", copy).forEach((link) => link.remove());
    $$("[id]", copy).forEach((one) => one.removeAttribute("id"));
    return [...copy.childNodes];
  }

  class QuickCheck extends HTMLElement {
    connectedCallback() {
      const form = $("form", this), button = $("[type=submit]", this);
      if (!form || !button.disabled) return;                   // moved, not new
      button.hidden = button.disabled = false;
      form.addEventListener("submit", (event) => { event.preventDefault(); this.check(form); });
      form.addEventListener("reset", () => { this.clear(); $("input", form).focus(); });
      form.addEventListener("change", () => this.clear());     // another choice: it was not checked yet
    }

    get address() { return new URL(this.dataset.answers, location.href).href; }

    say(text) { $(".verdict", this).textContent = text; }

    clear() {
      $$(".why, .kept", this).forEach((el) => el.remove());
      $$("[data-chosen]", this).forEach((el) => el.removeAttribute("data-chosen"));
      $$("[aria-describedby]", this).forEach((el) => el.removeAttribute("aria-describedby"));
      this.say("");
      this.asked = null;
      $("[type=reset]", this).hidden = true;
    }

    async check(form) {
      const chosen = $("input:checked", form);
      this.clear();
      if (!chosen) { this.say("Choose an option first."); return; }
      const asked = this.asked = {};                           // a later press or choice makes this one void
      let found;
      try {
        found = $(`check-answers[data-check="${this.dataset.check}"]`, await answers(this.address));
        if (!found) throw new Error("changed");
      } catch {
        if (this.asked === asked) this.say("The answers could not be loaded. The link above leads to them.");
        return;
      }
      if (this.asked !== asked) return;
      let right = false;
      for (const input of $$("input", form)) {
        const term = $(`[data-option="${input.value}"]`, found), option = input.closest(".option");
        if (!term) continue;
        const why = make("p", { className: "why", id: `why-${this.dataset.check}-${input.value}` }, ...copied(term.nextElementSibling));
        option.append(why);
        option.toggleAttribute("data-chosen", input === chosen);
        input.setAttribute("aria-describedby", why.id);
        right ||= input === chosen && term.dataset.right === "yes";
      }
      $("[type=reset]", this).hidden = false;
      this.say(right ? "✓ Right. Each option says why." : "✗ Not this one. Each option says why.");
      const detail = { check: this.dataset.check, hash: found.dataset.hash };
      if (right) this.dispatchEvent(new CustomEvent("lora-check", { bubbles: true, detail }));
    }
  }
  customElements.get("quick-check") || customElements.define("quick-check", QuickCheck);

  // ---- on paper the answers stand at the end. Printing waits for nothing, so this reads at once.
  addEventListener("beforeprint", () => {
    const home = $("article"), checks = $$("quick-check");
    if (!home || !checks.length || $(".printed")) return;
    const section = make("section", { className: "printed" }, make("h2", { textContent: "Answers" }));
    for (const check of checks) {
      let page = pages.get(check.address);
      if (!page && location.protocol !== "file:") {
        const request = new XMLHttpRequest();
        request.open("GET", check.address, false);
        try { request.send(); } catch { /* no answers on this paper */ }
        if (request.status === 200) page = parsed(check.address, request.responseText);
      }
      const found = page && $(`check-answers[data-check="${check.dataset.check}"]`, page);
      if (found) section.append(make("h3", {}, ...copied($("legend", check))), ...copied(found));
    }
    if (section.childElementCount > 1) home.append(section);
  });
  addEventListener("afterprint", () => $$(".printed").forEach((el) => el.remove()));
})();
