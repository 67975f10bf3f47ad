// <lora-decompose>: an update of d x k as the product of B (d x r) and A (r x k). Everything in it stands in the page
// and reads without this file, which moves the picture, the counts and the words. It knows shapes and arithmetic only:
// starting rank, shapes, ranks and sentences are the page's.
{
  const CELL = 20; // units of a drawing for one number
  const KEY = "lora-decompose-guess";
  // Fixed values for the picture, from -1 to 1: each further direction is a little weaker.
  const value = (i, k, side) => {
    const x = Math.sin((i + 1) * 12.9898 + (k + 1) * 78.233 + side * 37.719) * 43758.5453;
    return (2 * (x - Math.floor(x)) - 1) / Math.sqrt(1 + 0.35 * k);
  };
  const matrix = (rows, columns, entry) => Array.from({ length: rows }, (_, i) => Array.from({ length: columns }, (_, j) => entry(i, j)));

  // A Hinton diagram: a square's area is a number's size; filled is positive, hollow is negative.
  const hinton = (numbers, largest) => {
    const paths = { pos: "", neg: "" };
    numbers.forEach((row, i) => row.forEach((number, j) => {
      let side = Math.sqrt(Math.min(1, Math.abs(number) / largest)) * CELL * 0.86;
      if (side < 2) return;
      if (number < 0) side = Math.max(side - 2, 1);
      side = Math.round(side);
      const at = (n) => Math.round(n * CELL + (CELL - side) / 2);
      paths[number < 0 ? "neg" : "pos"] += `M${at(j)} ${at(i)}h${side}v${side}h-${side}z`;
    }));
    return paths;
  };

  const remembered = () => { try { return sessionStorage.getItem(KEY); } catch { return null; } };
  const remember = (guess) => { try { sessionStorage.setItem(KEY, guess); } catch { /* blocked: it works on */ } };

  class Decompose extends HTMLElement {
    connectedCallback() {
      if (this.range) return;
      this.find = (query) => this.querySelector(query);
      this.range = this.find("input[type=range]");
      this.shape = this.find("select");
      this.start = this.range.value;
      const { d, k } = this.shape.options[0].dataset;
      this.even = (d * k) / (+d + +k);
      this.kept = new Map([...this.querySelectorAll("[data-out]")].map((el) => [el, [el.textContent, [...el.childNodes]]]));
      this.querySelectorAll("[data-live]").forEach((el) => { el.hidden = false; });
      this.addEventListener("input", (event) => {
        if (event.target === this.range) this.draw();
        if (event.target.type === "radio") this.guessed(event.target.value);
      });
      this.addEventListener("change", (event) => {
        if (event.target === this.shape) { this.fit(); this.draw(); }
        if (event.target.type !== "radio") this.summarize();
      });
      this.addEventListener("click", (event) => {
        const button = event.target.closest("button");
        if (button) this.press(button);
      });
      const guess = remembered();
      if (guess !== null) {
        const radio = this.find(`[type=radio][value="${CSS.escape(guess)}"]`);
        if (radio) radio.checked = true;
        this.guessed(guess);
      }
      this.fit();
      this.draw();
    }

    // A guess, or "" to go without one: only then is break-even drawn on the slider.
    guessed(guess) {
      remember(guess);
      this.guess = guess;
      this.find(".even").hidden = false;
      const right = +guess === this.even; // of the first shape, which the question is about
      this.find("[data-guess=right]").hidden = !guess || !right;
      this.find("[data-guess=wrong]").hidden = !guess || right;
      this.fit();
    }

    press(button) {
      if (button.dataset.skip !== undefined) {
        this.querySelectorAll("[type=radio]").forEach((radio) => { radio.checked = false; });
        this.guessed("");
        return;
      }
      if (button.dataset.step) this.range.value = +this.range.value + +button.dataset.step;
      else { this.shape.selectedIndex = 0; this.fit(); this.range.value = this.start; }
      this.draw();
      this.summarize();
      if (button.disabled) this.range.focus();
    }

    size() {
      const { d, k } = this.shape.selectedOptions[0].dataset;
      return { d: +d, k: +k, most: Math.min(d, k), even: (d * k) / (+d + +k) };
    }

    // The slider ends at the highest rank that the shape has, and its marks move with it.
    fit() {
      const { most, even } = this.size(), least = +this.range.min;
      this.range.max = most;
      const put = (mark, rank) => mark.style.setProperty("--at", (rank - least) / (most - least));
      put(this.find(".even"), even);
      this.out("most", most);
      this.out("even", Number.isInteger(even) ? even : even.toFixed(1));
      const mine = this.find(".mine");
      mine.hidden = !this.guess || this.shape.selectedIndex > 0; // the question is about the first shape
      put(mine, this.guess);
    }

    // The page's own words come back with their number; others are plain.
    out(name, text) {
      this.querySelectorAll(`[data-out="${name}"]`).forEach((el) => {
        const [was, nodes] = this.kept.get(el);
        if (was === `${text}`) el.replaceChildren(...nodes);
        else el.textContent = text;
      });
    }

    draw() {
      const { d, k, most } = this.size(), r = +this.range.value;
      const B = matrix(d, r, (i, j) => value(i, j, 1)), A = matrix(r, k, (i, j) => value(j, i, 2));
      const product = matrix(d, k, (i, j) => B[i].reduce((sum, b, n) => sum + b * A[n][j], 0));
      this.picture(".b", B, [d, most], [d, r], 1);
      this.picture(".a", A, [most, k], [r, k], 1);
      this.picture(".p", product, [d, k], [d, k], Math.max(...product.flat().map(Math.abs)));
      const both = r * (d + k), whole = d * k;
      for (const [name, number] of Object.entries({ r, d, k, both, whole, gap: Math.abs(whole - both) })) this.out(name, number);
      const verdict = both < whole ? "saved" : both > whole ? "lost" : "even";
      this.querySelectorAll("[data-when]").forEach((el) => { el.hidden = el.dataset.when !== verdict; });
      const words = this.range.dataset.words;
      this.range.setAttribute("aria-valuetext", words.replace("[r]", r).replace("[both]", both).replace("[whole]", whole));
      this.querySelectorAll("[data-step]").forEach((button) => {
        button.disabled = button.dataset.step < 0 ? r === +this.range.min : r === most;
      });
    }

    picture(name, numbers, outline, filled, largest) {
      const svg = this.find(name), paths = hinton(numbers, largest);
      this.room ??= svg.viewBox.baseVal.width; // of the first shape, outline and margin
      const [y, x] = outline.map((cells) => Math.round((cells * CELL - this.room) / 2));
      svg.setAttribute("viewBox", `${x} ${y} ${this.room} ${this.room}`);
      for (const key in paths) svg.querySelector(`.${key}`).setAttribute("d", paths[key]);
      for (const [key, [height, width]] of [["ghost", outline], ["cell", filled]]) {
        svg.querySelector(`.${key}`).setAttribute("width", width * CELL);
        svg.querySelector(`.${key}`).setAttribute("height", height * CELL);
      }
      const thin = svg.querySelector(".thin");
      if (thin) thin.setAttribute("d", name === ".b" ? `M0 -8h${filled[1] * CELL}` : `M-8 0v${filled[0] * CELL}`);
    }

    summarize() {
      this.find("[role=status]").textContent = this.find(".say").innerText.replace(/\s*where from\?\s*$/, "");
    }
  }
  if (!customElements.get("lora-decompose")) customElements.define("lora-decompose", Decompose);
}
