// <lora-steps>: a walk through the ol.steps of its page. The style sheet shows one step where scripts run, all of them
// where none do and on paper. The address's hash says which step; this file follows it, and answers what is tried out.
{
  const $ = (query, el) => el.querySelector(query);
  const $$ = (query, el) => [...el.querySelectorAll(query)];

  const style = new CSSStyleSheet(); // of what only a script makes
  style.replaceSync(`
    .md-typeset lora-steps a[aria-current] { border-color: var(--ink); box-shadow: inset 0 1px var(--ink); font-weight: 600; }
    .hunt input:not(:checked) + span { visibility: hidden; }
    .steps label, .way a { min-height: 36px; padding: .4rem 0; }
    .steps input { accent-color: var(--ink); } .sliding input { accent-color: var(--rank); width: 12rem; max-width: 100%; }
    .plaid label { min-width: 100%; text-align: center; }
    .steps + .status { position: absolute; clip-path: inset(50%); }
    @media (pointer: coarse) { .steps label, .way a, lora-steps a { min-height: 44px; } }`);
  document.adoptedStyleSheets.push(style);

  // What each trial says; all numbers are counted from the page.
  const TRIALS = {
    plaid(step) {
      const lit = (query) => $$(query, step).map((input) => input.checked);
      const columns = lit("[data-a]"), rows = lit("[data-b]"), cells = $$(".plaid i", step);
      cells.forEach((cell, at) => cell.classList.toggle("on", rows[Math.floor(at / columns.length)] && columns[at % columns.length]));
      const on = cells.filter((cell) => cell.className).length, diagonal = rows.filter((row, i) => row && columns[i]).length;
      if (!on) return "Nothing is lit: a product with zeros alone is zero.";
      if (diagonal === rows.length) return `The diagonal is lit, and all ${on} with it. It takes ${rows.length} directions, one for each of its squares.`;
      return `${on} of ${cells.length} squares are lit, by ${rows.length} + ${columns.length} numbers. Each lit row is the same row.`;
    },
    detour(step) {
      const r = +$("[type=range]", step).value, wide = $$(".in circle", step).map((dot) => +dot.getAttribute("cy"));
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
      return `${open.length} opened. Lowest so far: ${loss(open[0])}, at rank ${rank} and a rate of ${rate}. ` +
        (lower ? "There is a lower one." : "None is lower.");
    },
  };

  class Steps extends HTMLElement {
    connectedCallback() {
      this.list = $(".steps", this.closest("article"));
      this.follow = () => this.show(true);
      addEventListener("hashchange", this.follow);
      if (!this.list.dataset.alive) this.listen();
      this.show(false);
    }

    disconnectedCallback() { removeEventListener("hashchange", this.follow); }

    // The step that the address names, else the first; a hash that stands elsewhere on the page changes nothing.
    show(move) {
      const named = location.hash && document.getElementById(location.hash.slice(1));
      const step = named ? named.closest(".steps > li") : this.list.firstElementChild;
      if (!step && $("[aria-current]", this.list)) return;
      const steps = [...this.list.children], at = Math.max(0, steps.indexOf(step));
      steps.forEach((one, i) => one.toggleAttribute("data-now", i === at));
      $$("nav a", this).forEach((link, i) => i === at ? link.setAttribute("aria-current", "step") : link.removeAttribute("aria-current"));
      if (!named || !step) return;
      this.scrollIntoView();
      if (!move) return;
      const title = $("h2", step);
      title.tabIndex = -1;
      title.focus({ preventScroll: true });
    }

    listen() {
      this.list.dataset.alive = "";
      const status = Object.assign(document.createElement("p"), { className: "status" });
      status.setAttribute("role", "status");
      this.list.after(status);
      const choose = (radio) => $$("[data-if]", radio.closest("li")).forEach((el) => el.classList.toggle("on", el.dataset.if === radio.value));
      $$("[type=radio]:checked", this.list).forEach(choose); // a browser may bring back what was chosen
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
