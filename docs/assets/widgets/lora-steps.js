// <lora-steps>: goes through the ol.steps of its page, as the address says, and answers what is tried out there.
// The style sheet shows one step where scripts run, and all of them where none do and on paper.
{
  const { $, $$ } = window.lesson;

  const style = new CSSStyleSheet();
  style.replaceSync(`
    .md-typeset lora-steps a[aria-current] { border-color: var(--ink); box-shadow: inset 0 1px var(--ink); font-weight: 600; }
    @media screen { .hunt :not(:checked) + span { visibility: hidden; } }
    .steps input { accent-color: var(--ink); } .steps [type=range] { accent-color: var(--rank); }
    .plaid label { width: 100%; text-align: center; }
    .status { position: absolute; clip-path: inset(50%); }`);
  document.adoptedStyleSheets.push(style);

  // What each trial says, counted on the page.
  const TRIALS = {
    plaid(step) {
      const lit = (query) => $$(query, step).map((input) => input.checked);
      const columns = lit("[data-a]"), rows = lit("[data-b]"), cells = $$(".plaid i", step);
      cells.forEach((cell, at) => cell.classList.toggle("on", rows[Math.floor(at / columns.length)] && columns[at % columns.length]));
      const on = cells.filter((cell) => cell.className).length, diagonal = rows.filter((row, i) => row && columns[i]).length;
      if (!on) return "Nothing is lit: zeros alone give zero.";
      if (diagonal === rows.length) return `The diagonal is lit, and all ${on} squares with it. Alone it takes ${rows.length} directions.`;
      return `${on} of ${cells.length} squares are lit. Each lit row is the same row.`;
    },
    detour(step) {
      const r = +$("[type=range]", step).value, wide = $$(".in circle", step).map((dot) => dot.cy.baseVal.value);
      const middle = Array.from({ length: r }, (_, i) => 80 + (2 * i - r + 1) * 10);
      const lines = (ends) => wide.flatMap((y) => middle.map((m) => ends(y, m))).join("");
      $(".a", step).setAttribute("d", lines((y, m) => `M190 ${y}L260 ${m}`));
      $(".b", step).setAttribute("d", lines((y, m) => `M260 ${m}L330 ${y}`));
      $(".mid", step).innerHTML = middle.map((m) => `<circle cx="260" cy="${m}" r="4"/>`).join("");
      const both = 2 * r * wide.length, whole = wide.length ** 2, verdict = both < whole ? "saved" : both > whole ? "lost" : "even";
      $("[data-r]", step).textContent = r;
      $("[data-both]", step).textContent = both;
      $$("[data-when]", step).forEach((el) => { el.hidden = el.dataset.when !== verdict; });
      $("[type=range]", step).setAttribute("aria-valuetext", `${r} in the middle, ${both} lines`);
    },
    hunt(step) {
      const loss = (input) => parseFloat(input.parentElement.textContent), all = $$("input", step);
      const open = all.filter((input) => input.checked).sort((a, b) => loss(a) - loss(b));
      if (!open.length) return "Where would you begin?";
      const [rank, rate] = open[0].getAttribute("aria-labelledby").split(" ").map((id) => document.getElementById(id).textContent);
      const lower = all.some((input) => loss(input) < loss(open[0]));
      return `${open.length} opened. Lowest so far: ${loss(open[0]).toFixed(2)}, at rank ${rank} and a rate of ${rate}. ` +
        (lower ? "There is a lower one." : "None is lower, at two decimals.");
    },
  };

  let went, last; // the address and step of before: the theme may draw the page anew

  class Steps extends HTMLElement {
    connectedCallback() {
      this.list = $(".steps", this.closest("article"));
      this.follow = () => { went = location.href; this.show(true); };
      addEventListener("popstate", this.follow);
      for (const el of [this, this.list]) el.addEventListener("click", (event) => this.click(event));
      this.listen();
      this.show(went === location.href);
    }

    disconnectedCallback() { removeEventListener("popstate", this.follow); }

    // Left to the theme, it would draw the page anew.
    click(event) {
      const link = event.target.closest("a");
      if (!link?.hash.startsWith("#step") || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      event.stopPropagation();
      history.pushState(null, "", link.href);
      this.follow();
    }

    // The step that the address names, else the first; a hash that stands elsewhere on the page changes nothing.
    show(move) {
      const at = location.hash && document.getElementById(location.hash.slice(1)), step = at ? at.closest(".steps > li") : this.list.firstElementChild;
      last = step ? [...this.list.children].indexOf(step) : last ?? 0;
      $$("a", this).forEach((link, i) => {
        this.list.children[i].toggleAttribute("data-now", i === last);
        link.ariaCurrent = i === last ? "step" : null;
      });
      if (!at || !step) return;
      this.scrollIntoView();
      if (!move) return;
      const title = $("h2", step);
      title.tabIndex = -1;
      title.focus({ preventScroll: true });
    }

    listen() {
      const status = Object.assign(document.createElement("p"), { className: "status", role: "status" });
      this.list.after(status);
      const choose = (radio) => $$("[data-if]", radio.closest("li")).forEach((el) => el.classList.toggle("on", el.dataset.if === radio.value));
      $$("[type=radio]:checked", this.list).forEach(choose);
      this.list.addEventListener("input", ({ target }) => {
        const step = target.closest("li");
        if (target.type === "radio") choose(target);
        const say = $("[data-say]", step), words = say && TRIALS[say.dataset.say](step);
        if (words) say.textContent = words;
      });
      this.list.addEventListener("change", ({ target }) => { status.textContent = $(".say", target.closest("li")).innerText; });
    }
  }
  if (!customElements.get("lora-steps")) customElements.define("lora-steps", Steps);
}
