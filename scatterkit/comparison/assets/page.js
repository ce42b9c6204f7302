// Tables that are sorted by a click on a heading, and parts that unfold when they are linked to.
"use strict";

function sortTable(table, column, kind) {
  const heads = [...table.tHead.rows[0].cells];
  const up = heads[column].getAttribute("aria-sort") !== "ascending";
  heads.forEach((head) => head.removeAttribute("aria-sort"));
  heads[column].setAttribute("aria-sort", up ? "ascending" : "descending");
  const key = (row) => row.cells[column].dataset.value;
  const order = (a, b) =>
    kind === "number" ? Number(key(a)) - Number(key(b)) : key(a).localeCompare(key(b), undefined, { numeric: true });
  const rows = [...table.tBodies[0].rows];
  rows.sort((a, b) => (key(a) === "") - (key(b) === "") || (up ? order(a, b) : order(b, a))); // what is missing: last
  table.tBodies[0].append(...rows);
}

function unfoldTarget() {
  const part = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (part instanceof HTMLDetailsElement) {
    part.open = true;
    part.scrollIntoView();
  }
}

document.addEventListener("DOMContentLoaded", () => {
  for (const table of document.querySelectorAll("table.sortable"))
    table.tHead.querySelectorAll("button").forEach((button, column) =>
      button.addEventListener("click", () => sortTable(table, column, button.dataset.kind)));
  for (const link of document.querySelectorAll("table.sortable a"))
    link.addEventListener("click", () => requestAnimationFrame(unfoldTarget)); // also where the hash stays as it is
  window.addEventListener("hashchange", unfoldTarget);
  unfoldTarget();
});
