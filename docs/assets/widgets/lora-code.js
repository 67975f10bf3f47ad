// <lora-code>: reads out what the code of a certificate says. It stands behind the # of the address, which no server sees.
{
  const { $ } = window.lesson;
  // What lora-certificate.js wrote, or null.
  function read(code) {
    try {
      const bytes = Uint8Array.from(atob(code.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
      const [edition, name, date, version, right, checks, done, chapters, of] = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
      const words = [name, date, version, of], counts = [right, checks, done, chapters];
      if (edition !== 1 || words.some((one) => typeof one !== "string" || one.length > 250)) return null;
      if (counts.some((one) => !Number.isInteger(one) || one < 0) || right > checks || done > chapters) return null;
      return Number.isNaN(Date.parse(date)) ? null : { name, date, version, right, checks, done, chapters, of };
    } catch { return null; }
  }

  class Code extends HTMLElement {
    connectedCallback() {
      if (this.asked) return; // moved, not new
      this.asked = true;
      $("[data-still]", this).remove();
      $("form", this).addEventListener("submit", (event) => {
        event.preventDefault();
        this.show($("input", this).value.replace(/\s+/g, "").split("#").pop());
      });
      const code = location.hash.slice(1);
      if (code && !document.getElementById(code)) this.show(code);
    }

    async show(code) {
      const found = read(code), list = $("dl", this), say = $("[role=status]", this);
      list.replaceChildren();
      if (!found) { say.textContent = "This is no code of a certificate, or a part of it is missing."; return; }
      const { of } = await window.lesson.chapters();
      const rows = {
        Name: found.name || "left open",
        Date: new Date(`${found.date}T12:00`).toLocaleDateString("en-US", { dateStyle: "long" }),
        "Lesson version": found.version,
        "Checks answered right": `${found.right} of ${found.checks}`,
        "Chapters done": `${found.done} of ${found.chapters}`,
        "Which checks": !of ? "could not be compared" : of === found.of ? "those that stand here today" : "of another edition: since then some came, went or changed",
      };
      for (const [term, words] of Object.entries(rows)) {
        const dd = Object.assign(document.createElement("dd"), { textContent: words, dir: "auto" });
        list.append(Object.assign(document.createElement("dt"), { textContent: term }), dd);
      }
      say.textContent = "This is what the code says. Whether it is true, nobody has looked at.";
    }
  }
  customElements.get("lora-code") || customElements.define("lora-code", Code);
  addEventListener("hashchange", () => {
    const here = $("lora-code"), code = location.hash.slice(1);
    if (here && code && !document.getElementById(code)) here.show(code);
  });
}
