// The table of all videos: sorted, filtered, with a distribution above each column.
function overview(table) {
  const body = table.tBodies[0], filter = document.querySelector("#filter");
  const [words, most] = filter.querySelectorAll("input"), dimension = filter.querySelector("select");
  const heads = [...table.tHead.rows[0].cells];
  const score = (row, column) => row.cells.length === heads.length ? +row.cells[column].textContent : NaN;
  const histograms = heads.slice(1).map(head => {
    const box = head.querySelector(".histogram");
    const bars = new uPlot({
      width: box.clientWidth, height: box.clientHeight, legend: { show: false }, cursor: { show: false }, padding: [2, 0, 0, 0],
      scales: { x: { time: false, range: [0, 100] }, y: { range: (_, low, high) => [0, Math.max(high, 1)] } },
      axes: [{ show: false }, { show: false }],
      series: [{}, { fill: () => css("--bar"), width: 0, paths: uPlot.paths.bars({ size: [.9] }), points: { show: false } }],
    }, [[], []], box);
    drawn.add(bars);
    return bars;
  });
  const distribute = rows => histograms.forEach((bars, i) => {
    const scores = rows.map(row => score(row, i + 1)).filter(value => !isNaN(value)).sort((a, b) => a - b);
    const counts = Array(10).fill(0);
    for (const value of scores) counts[Math.min(Math.floor(value / 10), 9)]++;
    bars.setData([counts.map((_, bin) => 10 * bin + 5), counts]);
    const at = part => scores[Math.round(part * (scores.length - 1))];
    const box = bars.root.parentNode, name = dimension.options[i].textContent;
    box.title = scores.length ? `${name}: median ${at(.5)}; half of the videos from ${at(.25)} to ${at(.75)}; lowest ${at(0)}, highest ${at(1)}` : name;
    box.setAttribute("aria-label", `Distribution of ${box.title}`);
  });
  // Rows that the filter lets through, in the order of the table. Few are laid out at first: a table of 1,000 is slow.
  let found = [], laid = 100;
  const more = document.querySelector("#more");
  const show = () => {
    found.forEach((row, i) => row.hidden = i >= laid);
    more.hidden = found.length <= laid;
    filter.querySelector("output").textContent = `${found.length} of ${body.rows.length} videos`;
  };
  const extend = number => { laid += number; show(); };
  const apply = () => {
    const wanted = words.value.toLowerCase(), limit = most.value === "" ? Infinity : +most.value;
    const texts = row => `${row.cells[0].title} ${row.cells[0].textContent}`.toLowerCase();
    found = [...body.rows].filter(row => {
      row.hidden = true;
      return texts(row).includes(wanted) && (limit === Infinity || score(row, +dimension.value) <= limit);
    });
    show();
    distribute(found);
  };
  filter.addEventListener("input", apply);
  filter.addEventListener("submit", event => event.preventDefault());
  more.onclick = () => extend(100);
  new IntersectionObserver(entries => entries[0].isIntersecting && extend(100)).observe(more);
  addEventListener("beforeprint", () => extend(Infinity));
  heads.forEach((head, column) => head.querySelector("button").onclick = () => {
    const down = head.ariaSort === "ascending" ? -1 : 1;
    for (const each of heads) each.ariaSort = "none";
    head.ariaSort = down < 0 ? "descending" : "ascending";
    const keyed = [...body.rows].map(row => [column ? score(row, column) : row.cells[0].title, row]);
    const names = new Intl.Collator(undefined, { numeric: true }).compare;
    const last = ([key]) => Number.isNaN(key); // what was not scored is last, whichever way
    keyed.sort((a, b) => last(a) - last(b) || down * (column ? a[0] - b[0] || 0 : names(a[0], b[0])));
    const rows = keyed.map(([, row]) => row), kept = new Set(found);
    body.append(...rows);
    found = rows.filter(row => kept.has(row));
    show();
  });
  apply();

  const all = document.querySelector("#overview"), opened = document.querySelector("#opened");
  let from = null, scrolled = 0;
  const route = () => {
    const script = document.getElementById(location.hash.slice(1));
    const link = script?.matches("script.stored") && body.querySelector(`a[href="#${script.id}"]`);
    if (!all.hidden) scrolled = scrollY;
    all.hidden = !!link;
    opened.hidden = !link;
    const section = opened.querySelector(".section");
    for (const u of drawn) if (section.contains(u.root)) u.destroy(), drawn.delete(u);
    section.replaceChildren();
    if (!link) {
      document.title = "Video quality";
      scrollTo(0, scrolled);
      from?.focus({ preventScroll: true });
      return;
    }
    from = link;
    document.title = link.closest("th").title;
    const head = opened.querySelector("h2");
    head.textContent = document.title;
    const links = found.map(row => row.querySelector("a")).filter(Boolean);
    for (const [rel, step] of [["prev", -1], ["next", 1]]) {
      const other = links[links.indexOf(link) + step], anchor = opened.querySelector(`[rel=${rel}]`);
      other ? anchor.href = other.hash : anchor.removeAttribute("href");
    }
    section.innerHTML = JSON.parse(script.textContent); // text in it was escaped when it was made
    compareWith(links.filter(each => each !== link), fill(section));
    scrollTo(0, 0);
    head.focus({ preventScroll: true });
  };
  // Of two videos each is compared with the other at once.
  const compareWith = (links, compare) => {
    const select = opened.querySelector(".with select");
    select.replaceChildren(new Option("none", ""), ...links.map(each => new Option(each.closest("th").title, each.hash.slice(1))));
    select.onchange = () => {
      opened.querySelector(".key").hidden = !select.value;
      compare(select.value ? stored(document.getElementById(select.value)) : null);
    };
    opened.querySelector(".with").hidden = !links.length;
    select.selectedIndex = links.length === 1 ? 1 : 0;
    select.onchange();
  };
  addEventListener("hashchange", route);
  addEventListener("DOMContentLoaded", () => location.hash && route()); // sections are below this script
}

const table = document.querySelector("#summary");
if (table) overview(table);
for (const section of document.querySelectorAll("main > .video:not(#opened) > .section")) fill(section);
const redraw = () => drawn.forEach(u => u.redraw(false));
for (const media of ["print", "(prefers-color-scheme: dark)"]) matchMedia(media).addEventListener("change", redraw);
if (parent !== window) { // a page around this one may want to show all of it
  const tell = () => parent.postMessage(document.body.offsetHeight, "*");
  addEventListener("load", tell); // while it is out of sight, nothing is observed
  new ResizeObserver(tell).observe(document.body);
}
