"use strict";
// Columns sort, classes are searched, and figures and lines are copied. Without scripts, the page still shows everything.
const table = document.getElementById("class-table");
if (table) {
  const body = table.tBodies[0];
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const sign = head.getAttribute("aria-sort") === "descending" ? 1 : column === 0 && !head.hasAttribute("aria-sort") ? 1 : -1;
      [...table.tHead.rows[0].cells].forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
      const value = (row) => Number(row.cells[column].dataset.value ?? -Infinity);
      const compare = (one, other) =>
        column === 0 ? one.cells[0].innerText.localeCompare(other.cells[0].innerText) : value(one) - value(other);
      body.append(...[...body.rows].sort((one, other) => sign * compare(one, other)));
    });
  });
  document.getElementById("search-label").hidden = false;
  document.getElementById("search").addEventListener("input", (event) => {
    const wanted = event.target.value.trim().toLowerCase();
    const kept = new Set();
    for (const row of body.rows) {
      row.hidden = !row.cells[0].textContent.toLowerCase().includes(wanted);
      if (!row.hidden) kept.add(row.dataset.class);
    }
    document.querySelectorAll("details.class").forEach((one) => { one.hidden = !kept.has(one.dataset.class); });
    document.getElementById("found").textContent = wanted ? `${kept.size} of ${body.rows.length} shown` : "";
  });
}
document.querySelectorAll("button[data-copy]").forEach((button) => {
  const label = button.textContent;
  button.addEventListener("blur", () => { button.textContent = label; });
  button.addEventListener("click", async () => {
    const shown = document.getElementById(button.dataset.copy);
    // outside of the page, colours do not follow its theme
    const text = shown.tagName === "PRE" ? shown.textContent : shown.outerHTML.replace(/var\(--\w+, (#\w+)\)/g, "$1");
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "The browser does not allow it";
    }
  });
});
if (!/^(file|https?):$/.test(location.protocol)) {
  // inside the report, no file is next to the page: name it
  document.querySelectorAll("a[href^='tables/']").forEach((link) => {
    const named = document.createElement("code");
    named.textContent = link.getAttribute("href");
    link.replaceWith(...(link.textContent === "data" ? [] : [...link.childNodes, ": "]), named);
  });
}
