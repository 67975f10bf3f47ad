// <lora-term>: what a word means, on hover and focus, read from the glossary when asked for. Without this file, and from
// a file, the word is a link to its entry.
{
  const WAIT_MS = 150, LINGER_MS = 250, GAP = 6;
  const style = new CSSStyleSheet();
  style.replaceSync(`
    .md-typeset lora-term > a:not(.num, .from) { text-decoration: underline 1.5px dotted var(--hair); text-underline-offset: 3px; }
    .md-typeset lora-term > a:is(:hover, [aria-describedby]) { text-decoration: underline 1px solid var(--ink); }
    .md-typeset .term-card dl { margin: 0; } .md-typeset .term-card dd { margin: .1rem 0 0; }
    .term-card a { display: inline-block; padding: .4rem 0; }
    @media (min-width: 44.01em) { .term-card { width: 16rem; } }
    @media print { .md-typeset lora-term > a:not(.num, .from) { text-decoration: none; } }`);
  document.adoptedStyleSheets.push(style);

  const small = matchMedia("(max-width: 44em)"); // as in the style sheet: there the card lies at the bottom
  const pages = new Map(); // address -> a promise of the glossary
  let card, owner, timer, touch = false;

  const glossary = (address) => {
    if (!pages.has(address)) {
      pages.set(address, fetch(address).then(async (response) => {
        if (!response.ok) throw new Error(response.status);
        return new DOMParser().parseFromString(await response.text(), "text/html");
      }).catch(() => { pages.delete(address); return null; }));
    }
    return pages.get(address);
  };

  const hide = () => {
    clearTimeout(timer);
    owner?.removeAttribute("aria-describedby");
    card?.remove();
    card = owner = null;
  };
  const later = (act, wait) => { clearTimeout(timer); timer = setTimeout(act, wait); };

  const entry = (page, id) => {
    const term = page?.getElementById(id);
    const parts = term ? [term, term.nextElementSibling].map((el) => document.importNode(el, true)) : [];
    for (const part of parts) for (const el of [part, ...part.querySelectorAll("[id]")]) el.removeAttribute("id");
    return parts;
  };

  const show = async (link, tapped = false) => {
    if (owner === link || location.protocol === "file:") return;
    hide();
    owner = link;
    const parts = entry(await glossary(link.href.split("#")[0]), link.hash.slice(1));
    if (owner !== link || !link.isConnected) return;
    if (!parts.length) { owner = null; if (tapped) location.assign(link.href); return; }
    const list = document.createElement("dl");
    list.append(...parts);
    card = Object.assign(document.createElement("div"), { className: "num-card term-card", id: "term-card" });
    card.append(list);
    if (tapped) card.append(Object.assign(document.createElement("a"), { href: link.href, textContent: "In the glossary" }));
    card.setAttribute("role", tapped ? "group" : "tooltip");
    card.ariaLabel = "Meaning";
    card.addEventListener("pointerenter", () => clearTimeout(timer));
    card.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") later(hide, LINGER_MS); });
    document.querySelector("article").append(card);
    link.setAttribute("aria-describedby", card.id);
    place(link);
  };

  const place = (link) => {
    const at = link.getClientRects()[0], home = card.offsetParent?.getBoundingClientRect();
    if (small.matches || !home) {
      const under = at.bottom + 16 - (innerHeight - card.offsetHeight);
      if (under > 0) scrollBy({ top: under });
      return;
    }
    const above = at.bottom + GAP + card.offsetHeight > innerHeight && at.top > card.offsetHeight + 60;
    card.style.left = `${Math.max(0, Math.min(at.left, document.documentElement.clientWidth - card.offsetWidth - 16) - home.left)}px`;
    card.style.top = `${(above ? at.top - GAP - card.offsetHeight : at.bottom + GAP) - home.top}px`;
  };

  const term = (event) => event.target.closest?.("lora-term a");
  document.addEventListener("pointerdown", (event) => { touch = event.pointerType !== "mouse"; }, true);
  document.addEventListener("pointerover", (event) => {
    const link = event.pointerType === "mouse" && term(event);
    if (link) later(() => { if (link.isConnected) show(link); }, WAIT_MS);
  });
  document.addEventListener("pointerout", (event) => {
    if (event.pointerType === "mouse" && term(event)) later(hide, LINGER_MS);
  });
  document.addEventListener("focusin", (event) => {
    const link = term(event);
    if (link?.matches(":focus-visible") && !touch) show(link);
    else if (owner && event.target !== owner && !card?.contains(event.target)) hide();
  });
  document.addEventListener("focusout", (event) => { if (term(event) === owner && !touch) hide(); });
  document.addEventListener("keydown", (event) => { touch = false; if (event.key === "Escape") hide(); });
  // In the capturing phase: the theme listens on the body and would follow the link.
  document.addEventListener("click", (event) => {
    const link = term(event);
    if (!link) { if (card && !card.contains(event.target)) hide(); return; }
    if (!touch || location.protocol === "file:") { hide(); return; } // a link, as any other
    event.preventDefault();
    event.stopPropagation();
    owner === link ? hide() : show(link, true);
  }, true);
  addEventListener("resize", hide);

  customElements.get("lora-term") || customElements.define("lora-term", class extends HTMLElement {});
}
