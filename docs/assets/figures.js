// Two things: the card that says where a number comes from, and a figure that becomes interactive when asked.
// Everything reads without this file: a number is a link to its entry in the ledger, a figure is a picture.
(() => {
  "use strict";
  const HERE = document.currentScript.src;
  const { $, $$, make } = window.lesson;
  const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
  const small = matchMedia("(max-width: 44em)");                 // as in the style sheet: narrow drawings, cards at the bottom

  // ---- the card: its text is the ledger's, moved next to the number
  const GAP = 20, WAIT_MS = 120, LINGER_MS = 250;
  let card, owner, pinned, timer;

  const idsOf = (el) => [...new Set((el.dataset.refs || el.hash.slice(1)).split(" "))];

  function hide(refocus) {
    clearTimeout(timer);
    const was = owner, hadFocus = card && card.contains(document.activeElement);
    owner = null;
    if (card) card.remove();
    card = null;
    if (was) {
      was.setAttribute("aria-expanded", "false");
      if (refocus || hadFocus) was.focus({ preventScroll: true });
    }
  }

  function show(el, pin) {
    if (owner === el) { if (pin && !pinned) { hide(); show(el, pin); } return; }
    hide();
    const entries = idsOf(el).map((id) => document.getElementById(id)).filter(Boolean);
    if (!entries.length) return;
    owner = el;
    pinned = pin;
    card = make("div", { className: "num-card", tabIndex: -1 }, ...entries.map((li) => {
      const row = make("div", { innerHTML: li.innerHTML });
      row.dataset.kind = li.dataset.kind;
      const kind = $(".kind", row);
      if (kind) row.prepend(kind);
      return row;
    }));
    card.setAttribute("role", "group");
    card.setAttribute("aria-label", "Where it comes from");
    if (pin) card.append(make("button", { type: "button", className: "close", textContent: "Close" }));
    card.addEventListener("pointerenter", () => clearTimeout(timer));
    card.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") leave(); });
    el.setAttribute("aria-expanded", "true");
    // In the document after its block, so that Tab goes from the card to what follows the block.
    const block = el.closest("figure, .md-typeset__scrollwrap, table") || el.closest("p, li, dd, td") || el;
    block.matches("figure, li, dd, td") ? block.append(card) : block.after(card);
    place(el, block);
  }

  function place(el, block) {
    const at = el.getBoundingClientRect(), right = block.getBoundingClientRect().right + GAP;
    if (small.matches) {                                           // at the bottom of the screen: keep the number in sight
      const under = at.bottom + 16 - (innerHeight - card.offsetHeight);
      if (under > 0) scrollBy({ top: under, behavior: still() ? "auto" : "smooth" });
      return;
    }
    const home = card.offsetParent.getBoundingClientRect(), width = card.offsetWidth, height = card.offsetHeight;
    const screen = document.documentElement.clientWidth, top = $(".md-header")?.offsetHeight || 0;
    const margin = right + width < screen - 8 && !el.closest(".start");
    const below = at.bottom + 6;
    const y = margin ? Math.max(top + 8, Math.min(at.top - 10, innerHeight - height - 12))
      : below + height > innerHeight && at.top - height - 6 > top ? at.top - height - 6 : below;
    // Beside the text, and where there is room also beside a figure that the card would cover.
    const beside = Math.max(right, ...$$(".md-content :is(figure, .highlight, table)").map((el) => el.getBoundingClientRect())
      .filter((box) => box.bottom > y && box.top < y + height).map((box) => box.right + GAP));
    const x = !margin ? Math.max(8, Math.min(at.left, screen - width - 16)) : beside + width < screen - 8 ? beside : right;
    card.style.left = `${x - home.left}px`;
    card.style.top = `${y - home.top}px`;
  }

  const leave = () => { clearTimeout(timer); if (!pinned) timer = setTimeout(hide, LINGER_MS); };
  const number = (event) => event.target.closest?.(".md-content a.num");

  document.addEventListener("pointerover", (event) => {
    const el = event.pointerType === "mouse" && number(event);
    if (!el || (owner && pinned)) return;
    clearTimeout(timer);
    timer = setTimeout(() => { if (el.isConnected) show(el, false); }, WAIT_MS);
  });
  document.addEventListener("pointerout", (event) => {
    if (event.pointerType === "mouse" && number(event)) leave();
  });
  // In the capturing phase: the theme listens on the body and would follow the link.
  document.addEventListener("click", (event) => {
    const el = event.target.closest?.(".md-content :is(a.num, a.from)");
    if (!el) {
      if (event.target.closest?.(".num-card .close")) hide(true);
      else if (card && !card.contains(event.target)) hide();
      return;
    }
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
    event.preventDefault();
    event.stopPropagation();
    if (owner === el && pinned) { hide(); return; }
    show(el, true);
    if (card && (el.matches(".from") || event.detail === 0)) {
      card.focus({ preventScroll: true });
      if (!small.matches) card.scrollIntoView({ block: "nearest" });
    }
  }, true);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && owner) hide(true);
    else if (event.key === " " && event.target.matches?.(".from")) { event.preventDefault(); event.target.click(); }
  });
  document.addEventListener("focusout", (event) => {
    const to = event.relatedTarget;
    if (card && card.contains(event.target) && to && !card.contains(to)) { const was = owner; owner = null; was.setAttribute("aria-expanded", "false"); card.remove(); card = null; }
  });
  addEventListener("resize", () => { if (owner && !small.matches) hide(); });

  // ---- figures: the picture first, the chart that answers to the pointer when asked
  const live = new Map();                                    // figure -> { box, chart }
  let library;

  function plotly() {
    library ||= new Promise((resolve, reject) => {
      const script = make("script", { src: new URL("vendor/plotly/plotly-basic.min.js", HERE).href });
      script.onload = () => {
        // Instant navigation tidies the head, and the style that Plotly put there would go: it moves to the body.
        const style = $("style[id^='plotly.js-style']");
        if (style) {
          style.textContent = [...style.sheet.cssRules].map((rule) => rule.cssText).join("\n");
          document.body.append(style);
        }
        resolve(window.Plotly);
      };
      script.onerror = () => { library = null; script.remove(); reject(new Error("Plotly")); };
      document.body.append(script);
    });
    return library;
  }

  // Plotly takes no CSS variables: what the browser makes of them in this palette does.
  function painted(value, probe) {
    if (typeof value === "string") {
      return value.replace(/var\((--[\w-]+)\)/g, (all) => { probe.style.color = all; return getComputedStyle(probe).color; });
    }
    if (Array.isArray(value)) return value.map((item) => painted(item, probe));
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, painted(item, probe)]));
    }
    return value;
  }

  async function draw(figure) {
    const { box, chart } = live.get(figure), Plotly = await plotly();
    if (!live.has(figure) || !figure.isConnected || !box.clientWidth) return;   // in a hidden state: drawn when it shows
    const narrow = box.clientWidth < 500, given = { ...chart.layout, ...(narrow ? chart.narrow : {}) };
    const { width, height } = $(narrow ? "svg.narrow" : "svg.wide", figure).viewBox.baseVal;
    box.style.height = `${box.clientWidth * height / width}px`;   // the picture's own, so that nothing moves
    const probe = box.parentElement.appendChild(make("i", { hidden: true }));
    const { data, layout } = painted({
      data: chart.data,
      layout: {
        ...given, autosize: true, width: undefined, height: box.clientHeight,
        paper_bgcolor: "var(--paper)", plot_bgcolor: "var(--paper)",
        font: { size: 13, color: "var(--ink)", ...given.font, family: getComputedStyle(figure).fontFamily },
        hoverlabel: { bgcolor: "var(--paper)", bordercolor: "var(--hair)", font: { color: "var(--ink)" }, ...given.hoverlabel },
        dragmode: matchMedia("(pointer: coarse)").matches ? false : given.dragmode || "zoom",
      },
    }, probe);
    probe.remove();
    await Plotly.react(box, data, layout, { displayModeBar: false, displaylogo: false, responsive: true });
  }

  function picture(figure) {
    const { box } = live.get(figure);
    live.delete(figure);
    window.Plotly?.purge(box);
    box.remove();
    delete $(".plot", figure).dataset.live;
    $(".interact", figure).textContent = "Explore";
    $("[role=status]", figure).textContent = "";
  }

  async function explore(figure, button, keys) {
    if (live.has(figure)) { picture(figure); return; }
    if (button.ariaBusy === "true") return;
    const plot = $(".plot", figure), say = $("[role=status]", figure);
    button.ariaBusy = "true";
    say.textContent = "Loading the chart";
    try {
      const [response] = await Promise.all([fetch(figure.dataset.record), plotly()]);
      if (!response.ok) throw new Error(response.status);
      const chart = (await response.json()).figures[figure.dataset.figure].plotly;
      if (!figure.isConnected) return;
      const box = make("div", { className: "live" });
      box.tabIndex = 0;
      box.setAttribute("role", "application");
      box.setAttribute("aria-roledescription", "chart");
      box.setAttribute("aria-label", `${$("svg", plot).getAttribute("aria-label")} Arrow keys go from point to point.`);
      box.style.minHeight = `${plot.clientHeight}px`;
      plot.append(box);
      plot.dataset.live = "";
      live.set(figure, { box, chart });
      await draw(figure);
      box.style.minHeight = "";
      button.textContent = "Picture";
      say.textContent = "";
      if (keys) box.focus({ preventScroll: true });
    } catch (error) {
      if (live.has(figure)) picture(figure);
      say.textContent = location.protocol === "file:" ? "This needs the site on a server; from a file it shows the picture only."
        : "The chart could not be loaded. The picture and the data stay.";
    } finally {
      button.ariaBusy = null;
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button.interact");
    if (button) explore(button.closest("figure"), button, !event.detail);
  });
  // The arrow keys show what the pointer shows, and say it.
  function walk(figure, step) {
    const state = live.get(figure), points = state.box.data.flatMap((trace, curveNumber) =>
      trace.hoverinfo === "skip" ? [] : trace.x.map((_, pointNumber) => ({ curveNumber, pointNumber })));
    state.at = ((state.at ?? (step < 0 ? 0 : -1)) + step + points.length) % points.length;
    window.Plotly.Fx.hover(state.box, [points[state.at]]);
    setTimeout(() => {                                       // Plotly draws labels at most every 50 ms
      $("[role=status]", figure).textContent = $$(".hovertext text", state.box).map((el) => el.textContent).join(" ");
    }, 80);
  }
  document.addEventListener("keydown", (event) => {
    const figure = event.target.matches?.(".live") && event.target.closest("figure");
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!figure) return;
    if (event.key === "Escape") { picture(figure); $(".interact", figure).focus(); }
    else if (step) { event.preventDefault(); walk(figure, step); }
  });
  const redraw = () => { for (const figure of live.keys()) draw(figure); };
  new MutationObserver(redraw).observe(document.body, { attributes: true, attributeFilter: ["data-md-color-scheme"] });
  small.addEventListener("change", redraw);
  document.addEventListener("change", (event) => { if (event.target.closest?.(".choose")) { hide(); redraw(); scrollers(); } });

  // ---- what scrolls sideways can be scrolled with the keyboard
  function scrollers() {
    for (const el of $$("pre, div.arithmatex, details.data, .scroll, .md-typeset__scrollwrap")) {
      if (el.scrollWidth > el.clientWidth + 1) el.tabIndex = 0;
      else el.removeAttribute("tabindex");
    }
  }
  addEventListener("resize", scrollers);
  document.addEventListener("toggle", scrollers, true);

  // ---- each page, also after instant navigation
  function page() {
    hide();
    for (const [figure, { box }] of live) if (!figure.isConnected) { window.Plotly?.purge(box); live.delete(figure); }
    for (const el of $$(".md-content a.num")) el.dataset.ref = el.hash.replace(/\D+/g, "");
    for (const el of $$(".md-content a.from")) {
      el.setAttribute("role", "button");
      el.setAttribute("aria-expanded", "false");
      const count = idsOf(el).length;
      el.setAttribute("aria-label", `${el.textContent} ${count} ${count > 1 ? "entries" : "entry"}`);
    }
    for (const button of $$("figure[data-record] button.interact")) {
      if (button.hidden) button.closest(".foot").append(make("span", { role: "status" }));
      button.hidden = false;
    }
    requestAnimationFrame(() => {
      scrollers();
      for (const nav of $$(".md-code__nav")) nav.setAttribute("role", "none");   // the theme's, one a code block, all unnamed
    });
  }
  // From a file the theme never announces its pages: its instant navigation ends the stream before it began.
  window.document$ && location.protocol !== "file:" ? window.document$.subscribe(page) : page();
})();
