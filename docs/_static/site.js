"use strict";

// Tables sort by a click on a column's head, numbers as numbers, empty cells last; those with joined cells stay as they are.
const order = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

function compare(first, second, sign) {
  if (first === "" || second === "") return (first === "") - (second === "");
  const [one, other] = [Number(first), Number(second)];
  return sign * (Number.isNaN(one) || Number.isNaN(other) ? order.compare(first, second) : one - other);
}

function sort(head) {
  const body = head.closest("table").tBodies[0];
  const sign = head.ariaSort === "ascending" ? -1 : 1;
  const text = (row) => row.cells[head.cellIndex].textContent.trim();
  const rows = [...body.rows].sort((one, other) => compare(text(one), text(other), sign));
  for (const cell of head.parentElement.cells) cell.removeAttribute("aria-sort");
  head.ariaSort = sign > 0 ? "ascending" : "descending";
  body.append(...rows);
}

function actsAsButton(item, act) {
  item.tabIndex = 0;
  item.addEventListener("click", act);
  item.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    act();
  });
}

for (const table of document.querySelectorAll("article table")) {
  const rows = [...(table.tBodies[0]?.rows ?? [])];
  if (table.tHead?.rows.length !== 1 || rows.length < 3 || table.querySelector("[rowspan], [colspan]")) continue;
  if (rows.some((row) => row.cells.length !== table.tHead.rows[0].cells.length)) continue;
  for (const head of table.tHead.rows[0].cells) {
    head.classList.add("sorts");
    actsAsButton(head, () => sort(head));
  }
}

// Pictures open as large as they are; a click or Escape closes them.
const large = document.createElement("dialog");
large.id = "large";
large.append(new Image());
large.addEventListener("click", () => large.close());
large.addEventListener("keydown", (event) => {
  if (event.key === "Escape") large.close(); // by itself it would: Sphinx' own scripts keep that key from it
});
document.body.append(large);
for (const picture of document.querySelectorAll("article img")) {
  picture.role = "button";
  actsAsButton(picture, () => {
    large.firstChild.src = picture.src;
    large.firstChild.alt = picture.alt;
    large.showModal();
  });
}
