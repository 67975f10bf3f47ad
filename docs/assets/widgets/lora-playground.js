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
      const all = (query) => [...this.querySelectorAll(query)], find = (query) => this.querySelector(query);
      Object.assign(this, { all, find, form: find("form"), status: find("[role=status]"), range: find("[type=range]"), outs: {} });
      if (location.protocol === "file:") { this.status.textContent = "Opened from a file, the page shows this one set-up; from a web server, it shows all."; return; }
      for (const el of all("[data-out]")) (this.outs[el.dataset.out] ??= []).push({ el, was: el.textContent.trim(), nodes: [...el.childNodes] });
      this.sizes = this.range.dataset.values.split(" ");
      this.range.max = this.sizes.length - 1;
      this.range.defaultValue = this.sizes.indexOf(this.outs.size[0].was);
      this.fields = all("[name]");
      all("output").forEach((el) => { el.ariaLive = "off"; });
      all("[name], button").forEach((el) => { el.disabled = false; });
      this.fit();
      for (const kind of ["pointerenter", "focusin"]) this.addEventListener(kind, () => this.load(), { once: true });
      this.form.addEventListener("input", () => this.update());
      this.form.addEventListener("change", () => this.settle());
      this.form.addEventListener("submit", (event) => event.preventDefault());
      this.addEventListener("click", ({ target }) => {
        if (target.type === "reset") setTimeout(() => this.update().then(() => this.settle(true)));
        if (target.dataset.step) {
          this.range.value = +this.range.value + +target.dataset.step;
          this.update().then(() => this.settle());
          if (target.disabled) this.range.focus();
        }
        if (target.matches("[data-copy]")) navigator.clipboard.writeText(find(".code").textContent).then(() => { this.status.textContent = "Copied."; });
      });
      addEventListener("hashchange", this.turned = () => this.restore());
      this.restore();
    }

    disconnectedCallback() { removeEventListener("hashchange", this.turned); }

    async load() {
      this.tables ||= await read(new URL(this.dataset.tables, this.baseURI));
      if (!this.tables) this.status.textContent = "The table of coefficients could not be loaded; the first set-up stays.";
      return this.tables;
    }

    // The page's own words, with the cards of their numbers, come back with their value.
    write(name, text) {
      for (const one of this.outs[name] || []) {
        if ((one.now ?? one.was) === text) continue;
        one.now = text;
        one.el.replaceChildren(...(text === one.was ? one.nodes : [text]));
      }
    }

    get set() {
      return Object.fromEntries(this.fields.map(({ name, type, value }) => [name, type === "range" ? this.sizes[value] : value]));
    }

    // The set-up that the address names; what it names wrongly is as it began.
    async restore() {
      const hash = location.hash.slice(1);
      if (!hash.includes("=") || hash === this.written) return;
      this.form.reset();
      let known = true;
      for (const [name, value] of new URLSearchParams(hash)) {
        const field = this.fields.find((one) => one.name === name), sized = field === this.range;
        const place = field ? (sized ? this.sizes : [...field.options].map((option) => option.value)).indexOf(value) : -1;
        if (place < 0) known = false;
        else field[sized ? "value" : "selectedIndex"] = place;
      }
      await this.update();
      if (!known) this.status.textContent = "The address names a set-up that this page does not know in full; the rest is as it began.";
    }

    settle(first) {
      if (!this.tables) return;
      this.status.textContent = this.find(".say").innerText;
      this.written = `${new URLSearchParams(this.set)}`;
      history.replaceState(history.state, "", first ? location.pathname : `#${this.written}`);
    }

    // Which controls matter to the method.
    fit() {
      const { range, sizes } = this, method = this.method = this.find("[name=method]").selectedOptions[0];
      for (const el of this.all("[data-for]")) {
        const off = !el.dataset.for.split(" ").includes(method.value);
        if (off && el.selected) el.parentElement.selectedIndex = 0;
        for (const one of el.matches("option") ? [el] : el.querySelectorAll("select, input, button"))
          one.disabled = off || one.dataset.step && +range.value === (one.dataset.step < 0 ? 0 : sizes.length - 1);
      }
      const words = method.dataset.size || "Rank";
      this.find("[data-size-name]").textContent = words;
      range.ariaValueText = `${words} ${sizes[range.value]}`;
    }

    async update() {
      this.fit();
      if (!this.tables && !await this.load()) return;
      const { set, method, range } = this, found = results(this.tables, set);
      const share = found.share == null ? null : found.share * 100;
      const key = set.method === "full" ? "full" : [set.method, set.targets, set.rank].join(" ");
      const measured = document.querySelector(`[data-measured="${key}"]`);
      const alpha = { once: set.rank, twice: 2 * set.rank }[set.alpha] ?? set.alpha;
      const texts = {
        size: set.rank,
        trained: say(found.trained, count, "not applicable"),
        share: say(share, (n) => `${n.toFixed(4)}%`),
        shareOfBase: say(found.shareOfBase, percent),
        file: say(found.file, (n) => `${bytes(n)}, ${count(n)} bytes`),
        flops: say(found.flops, percent),
        loss: measured ? `${measured.lastElementChild.textContent} nats` : "not measured",
        config: found.config.replace("{size}", set.rank).replace("{alpha}", alpha),
        who: method.text + (range.disabled ? "" : `, ${range.ariaValueText.toLowerCase()},`) + ` on ${set.model}`,
        setup: this.fields.filter((field) => !field.disabled).map((field) =>
          `${field.parentElement.firstChild.textContent.trim()}: ${field === range ? set.rank : field.selectedOptions[0].text}`).join(" · "),
        "kept-total": say(found.keptTotal, bytes),
        "peak-total": say(found.peakTotal, bytes),
      };
      for (const name of [...KEPT, "activations", "temporaries"]) {
        texts[`kept-${name}`] = say(found.kept[name], bytes);
        texts[`peak-${name}`] = say(found.peak[name], bytes, "–");
        this.find(`[data-part="${name}"]`)?.style.setProperty("--n", found.peak[name] || 0);
      }
      texts.verdict = this.cards(found.peakTotal, this.tables.mib);
      for (const name in texts) this.write(name, texts[name]);
      this.find("[data-some]").hidden = found.trained == null;
      this.find("[data-none]").hidden = found.trained != null;
    }

    cards(peak, mib) {
      const rows = this.all("[data-mib]"), holds = (row) => peak <= row.dataset.mib * mib, first = rows.find(holds);
      const most = Math.max(...rows.map((row) => row.dataset.mib), peak / mib);
      const { style } = this.find(".cards");
      style.setProperty("--most", most);
      style.setProperty("--peak", peak == null ? -most : peak / mib); // out of sight
      for (const row of rows) row.querySelector("output").textContent = say(peak, () => (holds(row) ? "fits" : "does not fit"));
      return say(peak, () => `A step takes ${bytes(peak)} at its peak, and ` + (first ? `${first.cells[0].textContent} is the first card here that holds it.` : "no card here holds it."),
        "The peak of a step is not derived for this set-up.");
    }
  }
  if (!customElements.get("lora-playground")) customElements.define("lora-playground", Playground);
}
