// <lora-progress>: on the page of progress, what is done and what is open, and the ways to take it along or forget it.
{
  const { lesson } = window, { $, $$ } = lesson;
  const ACTIONS = {
    export(say) {
      const href = URL.createObjectURL(new Blob([lesson.written(lesson.load())], { type: "application/json" }));
      Object.assign(document.createElement("a"), { href, download: "lora-measured-progress.json" }).click();
      URL.revokeObjectURL(href);
      say("Exported to a file.");
    },
    import(say) {
      const input = Object.assign(document.createElement("input"), { type: "file", accept: "application/json" });
      input.addEventListener("change", async () => {
        try {
          const found = lesson.understood(await input.files[0].text());
          lesson.save(lesson.merged(lesson.load(), found));
          say("Imported. What you had done stays done.");
        } catch { say("This file holds no progress of this lesson. Nothing was changed."); }
        lesson.marks();
      });
      input.click();
    },
    reset(say) {
      if (!confirm("Forget all that you have done?")) return;
      lesson.forget();
      say("All is open again.");
      lesson.marks();
    },
  };

  class Progress extends HTMLElement {
    connectedCallback() {
      const box = this.closest(".widget");
      if (!box.hidden) return; // moved, not new
      box.hidden = false;
      this.addEventListener("click", ({ target }) => ACTIONS[target.dataset.do]?.((text) => { $("[role=status]", this).textContent = text; }));
      this.show();
    }

    // Circles beside chapters and checks, and how much of each is done.
    async show() {
      const all = await lesson.chapters(), kept = lesson.load(), { right, checks, done, chapters } = lesson.score(all, kept);
      $$(".checks .mark, lora-progress .progress").forEach((el) => el.remove());
      this.prepend(lesson.bar(right, checks, "checks"), lesson.bar(done, chapters, "chapters"));
      $$("[data-chapter]").forEach((section, at) => {
        $("h2", section).prepend(lesson.state(all[at], kept));
        for (const li of $$("[data-check]", section)) {
          const right = kept.checks[li.dataset.check] === li.dataset.hash;
          li.prepend(lesson.circle(right ? "done" : "none", right ? "done" : "open"));
        }
      });
      lesson.note($("[role=status]", this));
    }
  }
  customElements.get("lora-progress") || customElements.define("lora-progress", Progress);
  document.addEventListener("lora-progress", () => $("lora-progress")?.show?.());
}
