"use strict";

// Sorting: by the cell's key, else by its text; numbers as numbers, and what is empty comes last either way.
const order = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
const keyOf = (row, column) => row.cells[column].dataset.key ?? row.cells[column].textContent.trim();

function compare(first, second, sign) {
  if (first === "" || second === "") return (first === "") - (second === "");
  const [one, other] = [Number(first), Number(second)];
  return sign * (Number.isNaN(one) || Number.isNaN(other) ? order.compare(first, second) : one - other);
}

function sort(button) {
  const head = button.closest("th");
  const body = button.closest("table").tBodies[0];
  const sign = head.ariaSort === "ascending" ? -1 : 1;
  const rows = [...body.rows].sort((one, other) => compare(keyOf(one, head.cellIndex), keyOf(other, head.cellIndex), sign));
  for (const cell of head.parentElement.cells) cell.removeAttribute("aria-sort");
  head.ariaSort = sign > 0 ? "ascending" : "descending";
  body.append(...rows);
}

// Figures: enlarged in a dialogue, which Escape closes and the arrow keys turn over.
const large = document.getElementById("large");
const figures = [...document.querySelectorAll("button.enlarge")];
let shown = 0;

function enlarge(place) {
  shown = (place + figures.length) % figures.length;
  const small = figures[shown].querySelector("img");
  const picture = large.querySelector("img");
  picture.src = small.src;
  picture.alt = small.alt;
  large.querySelector("p").textContent = small.alt;
  if (!large.open) large.showModal();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.matches("th button")) sort(button);
  else if (button?.matches(".enlarge")) enlarge(figures.indexOf(button));
  else if (button?.matches(".back")) enlarge(shown - 1);
  else if (button?.matches(".on")) enlarge(shown + 1);
  else if (large.open && (button?.matches(".close") || event.target === large || event.target.matches("dialog img"))) large.close();
});
large.addEventListener("keydown", (event) => {
  if (event.key === "ArrowLeft") enlarge(shown - 1);
  if (event.key === "ArrowRight") enlarge(shown + 1);
});
large.addEventListener("close", () => figures[shown].focus());

// Folded tables: all at once, say before printing; those that a link leads into; wide ones are reached by keyboard.
const unfold = document.getElementById("unfold");
unfold.hidden = false;
unfold.addEventListener("click", () => {
  const open = unfold.textContent.startsWith("Open");
  for (const part of document.querySelectorAll("main details")) part.open = open;
  unfold.textContent = open ? "Close all tables" : "Open all tables";
});
if (matchMedia("(max-width: 74.99rem)").matches) document.querySelector("nav details").open = false;
// Only when it comes into view: to measure all of them takes as long as everything else.
const watch = new IntersectionObserver((seen) => {
  for (const { isIntersecting, target } of seen) if (isIntersecting && target.scrollWidth > target.clientWidth) target.tabIndex = 0;
});
for (const box of document.querySelectorAll(".wide")) watch.observe(box);
