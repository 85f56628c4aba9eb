const css = name => getComputedStyle(document.documentElement).getPropertyValue(name);
const nearest = (numbers, wanted) => numbers.reduce(
  (best, number, i) => Math.abs(number - wanted) < Math.abs(numbers[best] - wanted) ? i : best, 0);
const drawn = new Set(); // charts on the page
const hairline = { stroke: () => css("--line"), width: 1 };
const font = "11px system-ui, sans-serif";

// A chart over time. Points of data stand for moments; null is a gap. The axis is turned if its range begins with the higher end.
function chart(box, data, times, duration, shared) {
  const [bottom, top] = data.range ?? [0, 100], low = Math.min(bottom, top), high = Math.max(bottom, top);
  const points = times.map((time, i) => data.mark && time === data.mark[0] ? data.scores[i] : null);
  const ends = end => times.map(() => data.band ? data.band[end] : null);
  const axis = { stroke: () => css("--soft"), grid: hairline, ticks: { show: false }, font };
  const plot = new uPlot({
    width: box.clientWidth, height: box.clientHeight, legend: { show: false }, padding: [7, 10, shared ? 0 : 7, 0],
    scales: { x: { time: false, range: [0, duration] }, y: { range: [low, high], dir: bottom < top ? 1 : -1 } },
    axes: [
      { ...axis, size: shared ? 20 : 0, gap: 3, values: (_, seconds) => seconds.map(s => shared ? `${+s.toFixed(2)} s` : "") },
      { ...axis, size: 34, gap: 4, splits: () => [low, (low + high) / 2, high] },
    ],
    cursor: { y: false, drag: { x: false, y: false } },
    bands: [{ series: [1, 2], fill: () => css("--band") }],
    series: [
      {},
      { points: { show: false } },
      { points: { show: false } },
      { stroke: () => css("--bar"), width: 2 },
      { paths: () => null, points: { show: true, size: 9, fill: () => css("--mark"), stroke: () => css("--mark") } },
      { stroke: () => css("--second"), width: 2, dash: [6, 4], points: { show: false } },
    ],
    hooks: {
      drawAxes: [u => {
        if (!data.mark) return;
        const [left, right] = data.mark.slice(1).map(time => u.valToPos(time, "x", true));
        u.ctx.fillStyle = css("--span");
        u.ctx.fillRect(left - 2, u.bbox.top, right - left + 4, u.bbox.height);
      }],
    },
  }, [], box);
  // Beside the line, that of a second video: moments of it are at times of their own.
  plot.draw = (second = [[], []]) => plot.setData(uPlot.join([[times, ends(1), ends(0), data.scores, points], second]));
  plot.draw();
  drawn.add(plot);
  return plot;
}

// Lays values of 7x7 cells over the frame of a figure, if they are a list: colored from the worst to the best, which is
// the highest, unless the map is of something else than scores. Null is a cell of which nothing is known.
function overlay(figure, name, values, reversed = false) {
  const list = Array.isArray(values) ? values : [], known = list.filter(value => value !== null);
  const ends = [Math.min(...known), Math.max(...known)];
  const [worst, best] = reversed ? ends.reverse() : ends;
  const table = figure.querySelector(".places table"), legend = figure.querySelector(".legend");
  figure.querySelector(".places").hidden = legend.hidden = !known.length;
  table.ariaLabel = known.length ? `${name} over the frame` : "";
  table.replaceChildren();
  list.forEach((value, i) => {
    const cell = (i % 7 ? table.rows[Math.floor(i / 7)] : table.insertRow()).insertCell();
    if (value === null) return;
    cell.className = `s${Math.round(100 * (value - worst) / (best - worst))}`;
    cell.textContent = cell.title = value;
  });
  legend.firstElementChild.textContent = worst;
  legend.lastElementChild.textContent = best;
}

// What is kept of a video, in a script: what its charts are drawn from, and its pictures.
function stored(script) {
  const section = new DOMParser().parseFromString(JSON.parse(script.textContent), "text/html");
  const data = JSON.parse(section.querySelector("script").textContent);
  return { ...data, pictures: [...section.querySelectorAll(".strip img")].map(image => image.src) };
}

// Charts, pictures and maps of one video, in its section. Returns a function that draws a second one beside it, in the
// time of the first: both were looked at in the same parts of theirs.
function fill(section) {
  const find = selector => section.querySelector(selector);
  const data = JSON.parse(find("script").textContent);
  const strip = [...section.querySelectorAll(".strip img")];
  const rows = [...section.querySelectorAll(".dimensions:not(.coded) tbody tr:not(.film)")];
  const coded = [...section.querySelectorAll(".coded tr")], maps = [...section.querySelectorAll(".maps figure")];
  const slider = find("input[type=range]"), picture = find(".viewer img");
  for (const image of section.querySelectorAll("img[data-picture]")) image.src = strip[image.dataset.picture].src;
  const charts = data.charts.map((chart_, i) => chart(
    rows[i].querySelector(".plot"), chart_, data.times[chart_.time], data.duration, i === 0 || i === rows.length - 1));
  const lines = coded.map((row, i) => {
    const { values, range } = data.coding.lines[i], times = values.map((_, at) => at / (values.length - 1) * data.duration);
    return chart(row.querySelector(".plot"), { scores: values, range }, times, data.duration, i === coded.length - 1);
  });

  let second = null;
  const valueAt = ({ scores, time }, seconds, { times } = data) => scores[nearest(times[time], seconds)];
  const same = ({ number }) => second?.charts.find(each => each.number === number);
  const read = seconds => {
    find("thead .at").textContent = `at ${seconds.toFixed(1)} s`;
    charts.forEach((u, i) => {
      u.setCursor({ left: u.valToPos(seconds, "x"), top: 0 });
      const value = valueAt(data.charts[i], seconds), cell = rows[i].querySelector(".now");
      const its = same(data.charts[i]), beside = its && valueAt(its, seconds * second.duration / data.duration, second);
      cell.textContent = value === null ? "–" : Math.round(value);
      if (its) cell.append(` / ${beside === null ? "–" : Math.round(beside)}`);
      cell.dataset.at = `at ${seconds.toFixed(1)} s `;
    });
    lines.forEach((u, i) => {
      u.setCursor({ left: u.valToPos(seconds, "x"), top: 0 });
      const { values } = data.coding.lines[i], cell = coded[i].querySelector(".now");
      cell.textContent = values[Math.round(seconds / data.duration * (values.length - 1))] ?? "–";
      cell.dataset.at = `at ${seconds.toFixed(1)} s `;
    });
  };
  const go = seconds => {
    const [frame, shown] = data.frames[nearest(data.frames.map(pair => pair[1]), seconds)];
    const at = data.frames.findIndex(pair => pair[0] === frame);
    strip.forEach((image, i) => image.classList.toggle("current", i === at));
    picture.src = strip[at].src;
    picture.alt = `Frame ${frame}, at ${shown.toFixed(2)} s`;
    find("output.at").textContent = `${seconds.toFixed(2)} s; picture: frame ${frame}, ${shown.toFixed(2)} s`;
    if (second) {
      const image = nearest(second.frames.map(pair => pair[1]), shown * second.duration / data.duration);
      const [its, then] = second.frames[image];
      Object.assign(find(".second img"), { src: second.pictures[image], alt: `Compared: frame ${its}, at ${then.toFixed(2)} s` });
      find("output.at").append(`; compared: frame ${its}, ${then.toFixed(2)} s`);
    }
    maps.forEach((figure, i) => {
      const values = data.coding.maps[at][i], name = figure.querySelector("b").textContent;
      Object.assign(figure.querySelector("img"), { src: picture.src, alt: picture.alt });
      overlay(figure, name, values, i === 0); // the larger a quantizer, the worse
      figure.querySelector(".said").textContent = `of frame ${frame}${
        Array.isArray(values) ? "" : values === null ? `: not ${i ? "sampled" : "known"}` : `: about ${values} everywhere`}`;
    });
    slider.value = seconds;
    const values = data.charts.map(each => [each.name, valueAt(each, seconds)]).filter(pair => pair[1] !== null);
    slider.setAttribute("aria-valuetext",
      [`${seconds.toFixed(2)} s`, ...values.map(([name, value]) => `${name} ${Math.round(value)}`)].join(", "));
    read(seconds);
  };
  const stops = [...new Set(data.times.flat())].sort((a, b) => a - b);
  slider.addEventListener("input", () => go(+slider.value));
  slider.addEventListener("keydown", event => {
    const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    go(stops[Math.min(Math.max(nearest(stops, +slider.value) + step, 0), stops.length - 1)]);
  });
  for (const u of [...charts, ...lines]) {
    const time = event => Math.min(Math.max(u.posToVal(event.offsetX, "x"), 0), data.duration);
    u.over.addEventListener("mousemove", event => read(time(event)));
    u.over.addEventListener("mouseleave", () => read(+slider.value));
    u.over.addEventListener("click", event => go(time(event)));
  }
  strip.forEach((image, i) => image.addEventListener("click", () => go(data.frames[i][1])));
  for (const button of section.querySelectorAll(".go")) button.onclick = () => {
    go(+button.dataset.seconds);
    slider.focus();
  };

  const select = find(".tools select"), numbers = find(".tools input");
  const map = number => {
    const chosen = data.charts.find(each => each.number === number);
    const scores = chosen?.places;
    select.value = chosen ? number : "";
    rows.forEach((row, i) => row.querySelector(".map")?.setAttribute("aria-pressed", data.charts[i] === chosen));
    overlay(find(".viewer"), chosen?.name, scores);
    find(".said").textContent = !chosen ? "" : !scores ? `${chosen.name} is about the same everywhere.`
      : `${chosen.name}, mean over the video${chosen.region ? `; lowest: ${chosen.region}` : ""}`;
  };
  select.onchange = () => map(select.value === "" ? null : +select.value);
  numbers.onchange = () => section.querySelectorAll(".places").forEach(each => each.classList.toggle("numbers", numbers.checked));
  rows.forEach((row, i) => row.querySelector(".map")?.addEventListener("click", event =>
    map(event.currentTarget.ariaPressed === "true" ? null : data.charts[i].number)));

  const compare = video => {
    second = video;
    find(".second").hidden = !second;
    charts.forEach((u, i) => {
      const its = same(data.charts[i]);
      u.draw(its && [second.times[its.time].map(time => time / second.duration * data.duration), its.scores]);
    });
    go(+slider.value);
  };

  map(data.weakest[0] ?? null);
  go(data.start);
  new ResizeObserver(() => [...charts, ...lines].filter(u => drawn.has(u)).forEach(u => {
    const { clientWidth: width, clientHeight: height } = u.root.parentNode;
    if (width && (width !== u.width || height !== u.height)) u.setSize({ width, height });
    u.setCursor({ left: u.valToPos(+slider.value, "x"), top: 0 });
  })).observe(section);
  return compare;
}
