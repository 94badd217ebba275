// In which order are rows? A press on a head of `table.sortable` sorts by it; `data-sort` on a cell is what counts.

/** Pure: compares two cells' sort values, numbers as numbers; what is empty comes last either way. */
export function compare(a, b, direction) {
  if (a === "" || b === "") return (a === "") - (b === "");
  const [left, right] = [Number(a), Number(b)];
  const order = Number.isNaN(left) || Number.isNaN(right) ? a.localeCompare(b) : left - right;
  return direction === "descending" ? -order : order;
}

export function attach() {
  document.addEventListener("click", (event) => {
    const head = event.target.closest?.("table.sortable thead th");
    // The mark in a head opens how its numbers come about; it sorts nothing.
    if (!head || event.target.closest("details")) return;
    const before = head.getAttribute("aria-sort");
    const number = head.classList.contains("num");
    for (const other of head.parentElement.children) other.removeAttribute("aria-sort");
    const first = number ? "descending" : "ascending";
    head.setAttribute("aria-sort", before === first ? (number ? "ascending" : "descending") : first);
    sort(head);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches?.("table.sortable thead th")) event.target.click();
  });
}

/** Heads can be reached by keys, and a table that Dash has rendered anew keeps the order that was asked for. */
export function sync() {
  for (const head of document.querySelectorAll("table.sortable thead th")) {
    if (head.tabIndex < 0) head.tabIndex = 0;
    if (head.hasAttribute("aria-sort")) sort(head);
  }
}

function sort(head) {
  const body = head.closest("table").tBodies[0];
  const column = [...head.parentElement.children].indexOf(head);
  const direction = head.getAttribute("aria-sort");
  const value = (row) => row.cells[column]?.dataset.sort ?? row.cells[column]?.textContent.trim() ?? "";
  const rows = [...body.rows];
  const wanted = [...rows].sort((a, b) => compare(value(a), value(b), direction));
  if (wanted.some((row, place) => row !== rows[place])) body.append(...wanted);
}
