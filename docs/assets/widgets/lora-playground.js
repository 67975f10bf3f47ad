// <lora-playground>: what a set-up costs. It holds no formula: a table that Python wrote (data-tables) gives a coefficient for
// each set-up, and here they are multiplied, added and compared. Words, choices and the first set-up stand in the page.
{
  const KEPT = ["frozen", "weights", "copy", "gradients", "optimizer"];
  const UNITS = ["bytes", "kB", "MB", "GB", "TB"];
  const sum = (numbers) => numbers.reduce((a, b) => (a == null || b == null ? null : a + b), 0);

  // Every result of a set-up: { model, method, rank, targets, precision, … } as the controls name them. null: not derived.
  const results = (tables, set) => {
    const n = +set.rank, tokens = set.batch * set.sequence, basis = [1, n, +set.sequence, tokens, tokens * n];
    const row = (name) => tables.axes[name].reduce(
      (tree, axis) => tree && (set[axis] in tree ? tree[set[axis]] : tree["*"]), tables[set.model][name] ?? tables[name]);
    const value = (form) => form && (form.by ? form.by[tables.ranks.indexOf(n)] : sum(form.map((factor, i) => factor * basis[i])));
    const of = (name) => value(row(name)) ?? null;
    const trained = of("trained"), flops = row("flops");
    const kept = Object.fromEntries(KEPT.map((name) => [name, of(name)]));
    let peak = {}, highest = null; // the fullest moment: one of the backward pass, or the optimizer's step
    for (const moment of row("moments") ? [...row("moments").map((forms) => forms.map(value)), [kept.gradients, 0, of("step")]] : []) {
      const [gradients, activations, temporaries] = moment, held = { ...kept, gradients, activations, temporaries };
      if (sum(Object.values(held)) > highest) [peak, highest] = [held, sum(Object.values(held))];
    }
    return {
      trained, kept, peak,
      share: trained && trained / of("everything"),
      shareOfBase: trained && trained / of("base"),
      file: of("file"),
      flops: flops && trained && (flops.over ? flops.bound + trained / flops.over : flops.bound),
      keptTotal: sum(Object.values(kept)),
      peakTotal: highest,
      config: row("config"),
    };
  };

  const count = (n) => n.toLocaleString("en-US");
  const percent = (n) => (n === 1 ? "100%" : `${(n * 100).toPrecision(3)}%`);
  const bytes = (n) => {
    let unit = 0;
    for (; +n.toPrecision(3) >= 1000; n /= 1000) unit += 1;
    return n ? `${unit ? n.toPrecision(3) : n} ${UNITS[unit]}` : "none";
  };
  const say = (n, write, or = "not derived") => (n == null ? or : write(n));

  const fetched = {};
  const read = (address) => (fetched[address] ??= fetch(address).then((answer) => answer.json()).catch(() => { delete fetched[address]; }));

  class Playground extends HTMLElement {
    static results = results;

    connectedCallback() {
      if (this.form) return;
      const find = this.find = (query) => this.querySelector(query);
      const form = this.form = find("form");
      this.status = find("[role=status]");
      if (location.protocol === "file:") { this.status.textContent = "Opened from a file, the page shows this one set-up. Served by a web server, it shows all."; return; }
      this.range = find("[type=range]");
      this.sizes = this.range.dataset.values.split(" ");
      this.range.max = this.sizes.length - 1;
      this.range.defaultValue = this.sizes.indexOf(this.out("size")[0].textContent.trim());
      this.fields = [...form.elements].filter((field) => field.name);
      this.first = new Map([...this.querySelectorAll("[data-out]")].map((el) => [el, [el.textContent, [...el.childNodes]]]));
      this.querySelectorAll("output").forEach((el) => { el.ariaLive = "off"; });
      this.querySelectorAll("button").forEach((el) => { el.disabled = false; });
      this.fit();
      for (const kind of ["pointerenter", "focusin"]) this.addEventListener(kind, () => this.load(), { once: true });
      form.addEventListener("input", () => this.update());
      form.addEventListener("change", () => this.settle());
      form.addEventListener("submit", (event) => event.preventDefault());
      form.addEventListener("reset", () => setTimeout(() => { this.update(); this.settle(true); }));
      this.addEventListener("click", ({ target }) => {
        if (target.dataset.step) {
          this.range.value = +this.range.value + +target.dataset.step;
          this.update();
          this.settle();
          if (target.disabled) this.range.focus();
        }
        if (target.matches("[data-copy]")) navigator.clipboard.writeText(this.out("config")[0].textContent).then(() => { this.status.textContent = "Copied."; });
      });
      this.turned = () => this.restore();
      addEventListener("hashchange", this.turned);
      this.restore();
    }

    disconnectedCallback() { removeEventListener("hashchange", this.turned); }

    async load() {
      this.tables = await read(new URL(this.dataset.tables, this.baseURI));
      if (!this.tables) this.status.textContent = "The table of coefficients could not be loaded; the first set-up stays.";
      return this.tables;
    }

    out(name) { return this.querySelectorAll(`[data-out="${name}"]`); }

    // The page's own words, with their numbers' cards, come back with their value.
    write(name, text) {
      for (const el of this.out(name)) {
        const [was, nodes] = this.first.get(el);
        if (was.trim() === text) el.replaceChildren(...nodes);
        else el.textContent = text;
      }
    }

    get set() {
      return Object.fromEntries(this.fields.map(({ name, type, value }) => [name, type === "range" ? this.sizes[value] : value]));
    }

    // The set-up that the address names; what it names wrongly stays as the page has it.
    restore() {
      const named = new URLSearchParams(location.hash.slice(1));
      if (!location.hash.includes("=") || location.hash.slice(1) === this.written) return;
      this.form.reset();
      let understood = true;
      for (const [name, value] of named) {
        const field = this.fields.find((one) => one.name === name);
        const place = field ? (field === this.range ? this.sizes : [...field.options].map((option) => option.value)).indexOf(value) : -1;
        if (place < 0) understood = false;
        else if (field === this.range) field.value = place;
        else field.selectedIndex = place;
      }
      setTimeout(async () => {
        await this.update();
        if (!understood) this.status.textContent = "The address names a set-up that this page does not know in full; the rest is as it began.";
      });
    }

    settle(first) {
      if (!this.tables) return;
      this.status.textContent = this.find(".say").innerText;
      this.written = `${new URLSearchParams(this.set)}`;
      history.replaceState(history.state, "", first ? location.pathname : `#${this.written}`);
    }

    // Which controls matter to the method.
    fit() {
      const { method } = this.set;
      this.fields.forEach((field) => { field.disabled = false; });
      for (const el of this.querySelectorAll("[data-for]")) {
        const off = !el.dataset.for.split(" ").includes(method);
        if (el.matches("option")) {
          el.disabled = off;
          if (off && el.selected) el.parentElement.selectedIndex = 0;
        } else el.querySelectorAll("select, input, button").forEach((field) => { field.disabled = off; });
      }
      const { range, sizes } = this;
      const words = this.find("[name=method]").selectedOptions[0].dataset.size || "Rank";
      this.find("[data-size-name]").textContent = words;
      range.ariaValueText = `${words} ${sizes[range.value]}`;
      for (const button of this.querySelectorAll("[data-step]")) button.disabled ||= +range.value === (button.dataset.step < 0 ? 0 : sizes.length - 1);
    }

    async update() {
      this.fit();
      const tables = this.tables || await this.load();
      if (!tables) return;
      const set = this.set, found = results(tables, set), method = this.find("[name=method]").selectedOptions[0];
      const sized = !this.range.disabled, who = sized ? `${method.text}, ${this.range.ariaValueText.toLowerCase()},` : method.text;
      this.write("size", set.rank);
      this.write("trained", say(found.trained, count, "not applicable"));
      this.write("share", say(found.share, (n) => `${(n * 100).toFixed(4)}%`));
      this.write("shareOfBase", say(found.shareOfBase, percent));
      this.write("file", say(found.file, (n) => `${bytes(n)}, ${count(n)} bytes`));
      this.write("flops", say(found.flops, percent));
      const key = set.method === "full" ? "full" : `${set.method} ${set.targets} ${set.rank}`;
      const measured = document.querySelector(`[data-measured="${key}"]`);
      this.write("loss", measured ? measured.firstElementChild.textContent : "not measured");
      const all = { ...found.peak, total: found.peakTotal };
      for (const name of [...KEPT, "activations", "temporaries", "total"]) {
        this.write(`kept-${name}`, say(name === "total" ? found.keptTotal : found.kept[name], bytes));
        this.write(`peak-${name}`, say(all[name], bytes));
        const part = this.find(`[data-part="${name}"]`);
        if (part) part.style.setProperty("--n", all[name] || 0);
      }
      this.cards(found.peakTotal, tables.mib);
      const alpha = { once: set.rank, twice: 2 * set.rank }[set.alpha] ?? set.alpha;
      this.write("config", found.config.replace("{size}", set.rank).replace("{alpha}", alpha));
      this.write("who", `${who} on ${set.model}`);
      this.write("setup", this.fields.filter((field) => !field.disabled).map((field) =>
        `${field.closest("label, div").firstChild.textContent.trim()}: ${field.selectedOptions?.[0].text ?? set.rank}`).join(" · "));
    }

    cards(peak, mib) {
      const table = this.find(".cards"), rows = [...table.querySelectorAll("[data-mib]")];
      const most = Math.max(...rows.map((row) => row.dataset.mib), peak / mib);
      this.style.setProperty("--most", most);
      this.style.setProperty("--peak", peak / mib);
      for (const row of rows) row.querySelector("[data-card]").textContent = peak == null ? "not derived" : peak <= row.dataset.mib * mib ? "fits" : "does not fit";
      const first = rows.find((row) => peak <= row.dataset.mib * mib);
      this.write("verdict", peak == null ? "The peak of a step is not derived for this set-up." : first
        ? `A step takes ${bytes(peak)} at its peak, and ${first.querySelector("th").textContent} is the first card here that holds it.`
        : `A step takes ${bytes(peak)} at its peak, more than any card here holds.`);
    }
  }
  if (!customElements.get("lora-playground")) customElements.define("lora-playground", Playground);
}
