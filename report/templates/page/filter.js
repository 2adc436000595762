// Filtering the rows of all tables, and opening what a link leads into.
"use strict";
(() => {
  const box = document.querySelector(".filter");
  const input = box.querySelector("input");
  const tables = [...document.querySelectorAll("table[data-filter]")];
  const rows = tables.flatMap((table) => [...table.tBodies[0].rows]);
  const show = () => {
    const words = input.value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = `${row.textContent} ${row.dataset.names ?? ""}`.toLocaleLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      shown += row.hidden ? 0 : 1;
    }
    for (const table of tables) {
      const emptied = [...table.tBodies[0].rows].every((row) => row.hidden);
      table.classList.toggle("emptied", emptied);
      // What is folded and holds such rows is opened, and folded again when it holds none or nothing is looked for.
      const folded = table.closest("details");
      if (!folded) continue;
      if (words.length && !emptied && !folded.open) {
        folded.open = true;
        folded.dataset.unfolded = "";
      } else if ((!words.length || emptied) && "unfolded" in folded.dataset) {
        folded.open = false;
        delete folded.dataset.unfolded;
      }
    }
    box.querySelector("output").value = words.length ? `${shown} of ${rows.length} rows` : "";
  };
  input.addEventListener("input", show);
  box.hidden = false;

  // A link into something that is folded or filtered away opens it first.
  const targetOf = (hash) => {
    try {
      return document.getElementById(decodeURIComponent(hash.slice(1)));
    } catch {
      return null; // "#%" is no text
    }
  };
  const reveal = () => {
    const target = targetOf(location.hash);
    if (!target) return;
    for (const card of document.querySelectorAll("[popover]:popover-open")) card.hidePopover();
    if (target.closest("tr[hidden]")) {
      input.value = "";
      show();
    }
    for (let part = target; part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (link && link.hash === location.hash) reveal();
  });
  reveal();
})();
