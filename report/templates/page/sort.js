// Sorting a table by any of its columns.
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
    const { sortValue } = cell.dataset;
    if (sortValue !== undefined) return sortValue === "" ? null : Number(sortValue);
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
})();
