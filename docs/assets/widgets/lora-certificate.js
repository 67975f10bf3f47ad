// <lora-certificate>: what a reader has done, as a drawing to print or keep. The name is kept nowhere and sent nowhere.
{
  const { lesson } = window, { $ } = lesson;
  const style = new CSSStyleSheet();
  style.replaceSync("@media print { .paper .certificate { height: 100vh; } }");
  document.adoptedStyleSheets.push(style);

  // Paper and ink, whatever the palette: these are the light one's.
  const INK = "#1a1e23", QUIET = "#57606b", HAIR = "#838c97", FROZEN = "#65717f", TRAINED = "#d55e00", PAPER = "#ffffff";
  const TEXT = '-apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", Arial, system-ui, sans-serif';
  const CODE = 'ui-monospace, "SF Mono", "Cascadia Mono", Consolas, "Liberation Mono", monospace';
  const WIDE = 1188, HIGH = 840;                             // an A4 sheet on its side, four units a millimeter
  const LEFT = 80, SIDE = 448, TOP = 88;                     // the drawing
  const COLUMN = 596, ACROSS = WIDE - LEFT - COLUMN;         // the words
  const NAME_SIZES = [54, 47, 41, 36, 31, 27, 23, 20, 17, 15, 13], NAME_HIGH = 170;
  const RIGHT_TO_LEFT = /^[^\p{L}]*[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;

  // A name of any script, without what is no letter of it: controls, halves of characters, marks that turn the direction of
  // what follows, and heaps of accents.
  const tidy = (name) => name.replace(/[\p{Cc}\p{Cs}\p{Co}\ufffe\uffff\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu, " ")
    .replace(/(\p{Mn}{3})\p{Mn}+/gu, "$1").replace(/\s+/gu, " ").trim();

  const context = document.createElement("canvas").getContext("2d");
  const across = (text, size, weight, family = TEXT) => {
    context.font = `${weight} ${size}px ${family}`;
    return context.measureText(text).width;
  };
  const pieces = (text, granularity) => [...new Intl.Segmenter(undefined, { granularity }).segment(text)].map((one) => one.segment);

  // Lines no wider than that: broken between words, and inside one that is wider than a line.
  function wrapped(text, size, weight, width) {
    const lines = [""];
    const add = (piece) => {
      if (across((lines.at(-1) + piece).trimEnd(), size, weight) <= width) lines[lines.length - 1] += piece;
      else lines.push(piece.trimStart());
    };
    for (const word of pieces(text, "word")) {
      if (across(word, size, weight) > width) pieces(word, "grapheme").forEach(add);
      else add(word);
    }
    return lines.map((line) => line.trim()).filter(Boolean);
  }

  const NS = "http://www.w3.org/2000/svg";
  const make = (tag, attributes, ...children) => {
    const el = document.createElementNS(NS, tag);
    for (const [name, value] of Object.entries(attributes)) el.setAttribute(name, value);
    el.append(...children);
    return el;
  };
  // In a style of its own, so that no style sheet of the page paints it.
  const text = (x, y, words, size, { weight = 400, fill = INK, family = TEXT, ...more } = {}) =>
    make("text", { x, y, style: `font: ${weight} ${size}px ${family}; fill: ${fill}`, ...more }, words);
  const line = (x, y, width) => make("rect", { x, y, width, height: 0.8, style: `fill: ${HAIR}` });

  // Words in lines from this height on: [elements, height of the next line].
  function block(x, y, words, size, width, options = {}) {
    const high = size * 1.45, lines = wrapped(words, size, options.weight || 400, width);
    return [lines.map((one, at) => text(x, y + at * high, one, size, options)), y + lines.length * high];
  }

  function named(name, bottom) {
    if (!name) return [];
    let lines, size;
    for (size of NAME_SIZES) {
      lines = wrapped(name, size, 650, ACROSS);
      if (lines.length * size * 1.25 <= NAME_HIGH) break;
    }
    const start = bottom - (lines.length - 1) * size * 1.25;
    return lines.map((one, at) => {
      const width = across(one, size, 650), turned = RIGHT_TO_LEFT.test(one);
      return text(COLUMN, start + at * size * 1.25, one, size, {
        weight: 650, class: "name", ...(turned ? { direction: "rtl", "text-anchor": "end" } : {}),
        // In a font of other widths it still fits.
        textLength: Math.min(width, ACROSS).toFixed(1), lengthAdjust: "spacingAndGlyphs",
      });
    });
  }

  const figure = (x, y, number, words) => [text(x, y, number, 34, { weight: 650 }), text(x, y + 24, words, 15, { fill: QUIET })];

  // What the code at the foot holds; lora-code.js reads it.
  function code({ name, date, version, right, checks, done, chapters, of }) {
    const bytes = new TextEncoder().encode(JSON.stringify([1, name, date, version, right, checks, done, chapters, of]));
    return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  }

  const reached = ({ right, checks, done, chapters }) => right === checks && done === chapters ? "worked through the whole lesson"
    : right || done ? "worked through a part of the lesson" : "opened the lesson";

  // rank and width: of the weight that is drawn
  function certificate(facts, rank, width) {
    const { name, date, version, right, checks, done, chapters } = facts;
    const day = new Date(`${date}T12:00`).toLocaleDateString("en-US", { dateStyle: "long" });
    const thin = SIDE * rank / width, gap = SIDE / 64;
    const drawing = [
      make("rect", { x: LEFT + gap, y: TOP + gap, width: SIDE, height: SIDE, style: `fill: ${FROZEN}`, class: "frozen-drawn" }),
      make("rect", { x: LEFT, y: TOP + gap, width: thin, height: SIDE, style: `fill: ${TRAINED}`, class: "trained-drawn" }),
      make("rect", { x: LEFT + gap, y: TOP, width: SIDE, height: thin, style: `fill: ${TRAINED}`, class: "trained-drawn" }),
    ];
    const [about] = block(LEFT + gap, TOP + SIDE + 38, `Drawn to scale: a weight of Llama-2-7B, frozen, and along its sides the two thin matrices that LoRA trains at rank ${rank}.`, 14, SIDE, { fill: QUIET });
    const [worth] = block(COLUMN, 586, "The person named made this in a browser, and nobody watched. It is a note to oneself, and proves nothing to others.", 14, ACROSS, { fill: QUIET });
    const address = `${new URL("code/", lesson.HOME)}#${code(facts)}`;
    const foot = (address.match(/.{1,184}/gu) || []).map((one, at) => text(LEFT + gap, 730 + at * 13, one, 9, { family: CODE, fill: INK }));
    const svg = make("svg", { xmlns: NS, viewBox: `0 0 ${WIDE} ${HIGH}`, class: "certificate", role: "img" },
      make("title", {}, `${name || "Somebody"} has ${reached(facts)}: ${right} of ${checks} checks answered right, ${done} of ${chapters} chapters done. ${day}. Self-attested.`),
      make("rect", { width: WIDE, height: HIGH, style: `fill: ${PAPER}` }),
      ...drawing, ...about,
      text(COLUMN, TOP + 22, "LoRA fine-tuning, measured", 21, { weight: 650 }),
      ...named(name, 300), line(COLUMN, 322, ACROSS),
      text(COLUMN, 356, `has ${reached(facts)}`, 19),
      ...figure(COLUMN, 430, `${right} of ${checks}`, "checks answered right"), ...figure(COLUMN + 200, 430, `${done} of ${chapters}`, "chapters done"),
      text(COLUMN, 508, `${day}`, 16), text(COLUMN + 200, 508, `Lesson version ${version}`, 16),
      text(COLUMN, 560, "Self-attested", 16, { weight: 650 }), ...worth,
      line(LEFT + gap, 690, WIDE - 2 * LEFT - gap),
      text(LEFT + gap, 711, "This address holds what stands here, and shows it to whoever opens it:", 11, { fill: QUIET }),
      make("g", { class: "code" }, ...foot));
    return { svg, address };
  }

  const today = () => {
    const now = new Date();
    return new Date(now - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 10);
  };

  class Certificate extends HTMLElement {
    async connectedCallback() {
      if (this.asked) return; // moved, not new
      this.asked = true;
      this.all = await lesson.chapters();
      if (!this.all.length) {
        $("[data-still]", this).textContent = location.protocol === "file:" ? "From a file, this page may not read which checks there are. It needs the site on a server."
          : "Which checks there are could not be loaded. Load this page again.";
        return;
      }
      this.dataset.ready = "";
      $("input", this).addEventListener("input", () => this.draw());
      this.addEventListener("click", ({ target }) => this[target.dataset.do]?.());
      this.draw();
    }

    draw() {
      const facts = { name: tidy($("input", this).value), date: today(), version: this.all.version, of: this.all.of, ...lesson.score(this.all, lesson.load()) };
      const made = certificate(facts, +this.dataset.rank, +this.dataset.width);
      this.address = made.address;
      $(".sheet", this).replaceChildren(made.svg);
    }

    print() { lesson.print(Object.assign(document.createElement("div"), { innerHTML: $(".sheet", this).innerHTML }), "size: landscape; margin: 0"); }

    download() {
      const svg = $("svg", this).cloneNode(true), link = make("a", { href: this.address });
      link.append(...$(".code", svg).childNodes);
      $(".code", svg).append(link);
      const href = URL.createObjectURL(new Blob([new XMLSerializer().serializeToString(svg)], { type: "image/svg+xml" }));
      Object.assign(document.createElement("a"), { href, download: "lora-measured-certificate.svg" }).click();
      URL.revokeObjectURL(href);
      $("[role=status]", this).textContent = "Downloaded.";
    }
  }
  customElements.get("lora-certificate") || customElements.define("lora-certificate", Certificate);
  document.addEventListener("lora-progress", () => { const here = $("lora-certificate"); if (here?.all?.length) here.draw(); });
}
