// On a small screen a row of a table becomes a card: each cell is told the heading of its column, which the
// stylesheet then shows beside it. What the table is to a screen reader stays as it was.
const ROLES = { TABLE: "table", THEAD: "rowgroup", TBODY: "rowgroup", TR: "row", TH: "columnheader", TD: "cell" };

function label(table) {
  const heads = [...table.querySelectorAll("thead th")];
  if (!heads.length) return;
  for (const row of table.querySelectorAll("tbody tr"))
    [...row.cells].forEach((cell, at) => {
      const words = heads[at] && !heads[at].querySelector(".visually-hidden") ? heads[at].textContent.trim() : "";
      if (cell.tagName === "TD" && cell.dataset.label !== words) cell.dataset.label = words;
      // A cell of several pieces is one thing beside its heading; so is a name, which reads in its own direction.
      if (cell.tagName === "TD" && words && (cell.childNodes.length > 1 || cell.matches(".name") || cell.querySelector("td > *"))) wrap(cell);
    });
  for (const part of [table, ...table.querySelectorAll("thead, tbody, tr, th, td")])
    if (!part.hasAttribute("role"))
      part.setAttribute("role", part.matches("tbody th") ? "rowheader" : ROLES[part.tagName]);
  table.classList.add("by-card");
}

function wrap(cell) {
  if (cell.firstElementChild?.classList.contains("cell")) return;
  const all = document.createElement("div");
  all.className = "cell";
  all.append(...cell.childNodes);
  cell.append(all);
}

function labelAll() {
  document.querySelectorAll("table.table:not(.by-card)").forEach(label);
}

labelAll();
new MutationObserver(labelAll).observe(document.body, { childList: true, subtree: true });
