// Widgets come with the pages that have them: <lora-decompose> is defined by widgets/lora-decompose.js.
(() => {
  "use strict";
  const HERE = document.currentScript.src;
  const PLAIN = new Set(["check-answers"]); // an element that only holds text
  const asked = new Set();

  const load = () => {
    for (const { localName } of document.querySelectorAll("article :not(:defined)")) {
      if (PLAIN.has(localName) || asked.has(localName)) continue;
      asked.add(localName);
      document.head.append(Object.assign(document.createElement("script"), { src: new URL(`widgets/${localName}.js`, HERE) }));
    }
  };
  window.document$ && location.protocol !== "file:" ? window.document$.subscribe(load) : load();
})();
