// Sorting and filtering tables, and showing on pointing what a click shows. Everything can be read without it.
"use strict";
(() => {
  const collator = new Intl.Collator("en", { numeric: true });

  // The cell of a row in a column, and whether it stands there alone: a cell over several columns has no value of one.
  const cellOf = (row, column) => {
    for (const cell of row.cells) {
      if (column < cell.colSpan) return cell.colSpan === 1 ? cell : null;
      column -= cell.colSpan;
    }
    return null;
  };
  // A number, a text, or null where there is neither: those rows stay below, whatever the direction.
  const valueOf = (cell) => {
    if (!cell) return null;
    if (cell.dataset.sortValue !== undefined) return Number(cell.dataset.sortValue);
    const text = cell.textContent.trim();
    if (text === "" || text === "–" || text === "not run") return null;
    const number = Number(text.replace(/,/g, "").replace("−", "-"));
    return Number.isNaN(number) ? text : number;
  };
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b : collator.compare(String(a), String(b));

  for (const table of document.querySelectorAll("table[data-sort]")) {
    const body = table.tBodies[0];
    const first = [...body.rows];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      const arrow = document.createElement("span");
      arrow.className = "arrow";
      arrow.ariaHidden = "true";
      if (head.querySelector("a")) {
        button.ariaLabel = "Sort by " + head.textContent;
        button.append(arrow);
      } else {
        button.append(...head.childNodes);
        button.firstChild.after(arrow);
      }
      head.append(button);
      button.addEventListener("click", () => {
        const turn = { ascending: "descending", descending: null }[head.getAttribute("aria-sort")];
        const next = turn === undefined ? "ascending" : turn;
        for (const other of heads) other.removeAttribute("aria-sort");
        let rows = first;
        if (next) {
          head.setAttribute("aria-sort", next);
          const sign = next === "ascending" ? 1 : -1;
          const valued = first.map((row) => [valueOf(cellOf(row, column)), row]);
          const known = valued.filter(([value]) => value !== null).sort(([a], [b]) => sign * compare(a, b));
          rows = [...known, ...valued.filter(([value]) => value === null)].map(([, row]) => row);
        }
        body.append(...rows);
      });
    });
  }

  const box = document.querySelector(".filter");
  const input = box.querySelector("input");
  const tables = [...document.querySelectorAll("table[data-filter]")];
  const rows = tables.flatMap((table) => [...table.tBodies[0].rows]);
  const show = () => {
    const words = input.value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLocaleLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      shown += row.hidden ? 0 : 1;
    }
    for (const table of tables) {
      table.classList.toggle("emptied", [...table.tBodies[0].rows].every((row) => row.hidden));
    }
    box.querySelector("output").value = words.length ? `${shown} of ${rows.length} rows` : "";
  };
  input.addEventListener("input", show);
  box.hidden = false;

  // A link into something that is folded or filtered away opens it first.
  const reveal = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
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

  // The card beside its number. Not shown on focus: Tab would open dozens on the way to the next table; Enter does it.
  if (!("popover" in HTMLElement.prototype)) return;
  let timer = 0;
  const place = (card, button) => {
    const at = button.getBoundingClientRect();
    const above = at.top - 14;
    const below = innerHeight - at.bottom - 14;
    const side = below >= Math.min(card.scrollHeight, above) ? "below" : "above";
    card.style.inset = "auto";
    card.style.margin = "0";
    card.style.maxHeight = `${Math.max(160, side === "below" ? below : above)}px`;
    card.style.left = `${Math.max(8, Math.min(at.left, document.documentElement.clientWidth - card.offsetWidth - 8))}px`;
    card.style.top = `${side === "below" ? at.bottom + 6 : Math.max(8, at.top - 6 - card.offsetHeight)}px`;
  };
  const open = (button) => {
    const card = document.getElementById(button.getAttribute("popovertarget"));
    if (!card.matches(":popover-open")) card.showPopover({ source: button });
    place(card, button);
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button.n");
    if (!button) return;
    clearTimeout(timer);
    open(button);
  });
  document.addEventListener("pointerover", (event) => {
    if (event.pointerType !== "mouse") return;
    clearTimeout(timer);
    const button = event.target.closest("button.n");
    const card = event.target.closest("[popover]");
    if (button) {
      timer = setTimeout(() => {
        open(button);
        document.getElementById(button.getAttribute("popovertarget")).dataset.pointed = "";
      }, 350);
    } else if (!card) {
      timer = setTimeout(() => {
        for (const pointed of document.querySelectorAll("[data-pointed]:popover-open")) pointed.hidePopover();
      }, 350);
    }
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button.n");
    const card = event.target.closest("[popover]");
    // What was clicked stays until it is closed.
    if (button) delete document.getElementById(button.getAttribute("popovertarget")).dataset.pointed;
    else if (card) delete card.dataset.pointed;
  });
})();
