"use strict";
// Everything that can go wrong is noted on the page's root, for the self-check.
const errors = [];
const note = (text) => { errors.push(text); document.documentElement.dataset.errors = errors.join(" | "); };
addEventListener("error", (event) => note(event.message));
addEventListener("securitypolicyviolation", (event) => note(`blocked: ${event.violatedDirective}`));

const run = JSON.parse(document.getElementById("run").textContent);
const $ = (selector, from = document) => from.querySelector(selector);
const SVG = "http://www.w3.org/2000/svg";

function make(name, attributes = {}, ...children) {
  const svg = ["svg", "path", "line", "text", "circle", "g", "rect", "clipPath", "defs"].includes(name);
  const element = svg ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const whole = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat("en-GB", { notation: "compact", maximumFractionDigits: 1 });

/** Three digits and a power of ten, with a minus sign that is as wide as a digit. */
const power = (value) => Number(value.toPrecision(3)).toExponential().replaceAll("-", "−").replace("+", "");

function readable(value, percent) {
  if (value === null || value === undefined) return "–";
  if (percent) return `${(value * 100).toFixed(1)} %`;
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return power(value);
  return value.toFixed(size >= 100 ? 1 : size >= 10 ? 2 : 3).replace("-", "−");
}

function duration(seconds) {
  if (seconds < 90) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  if (seconds < 5400) return `${(seconds / 60).toFixed(1)} min`;
  return `${Math.floor(seconds / 3600)} h ${Math.round(seconds % 3600 / 60)} min`;
}

// ------------------------------------------------------------------------------------------------ pictures over time

const timeline = { at: run.samples.length - 1, timer: 0 };

function show(index) {
  const sample = run.samples[index];
  if (!sample) return;
  timeline.at = index;
  const picture = $("img.now");
  picture.src = sample.src;
  picture.alt = `Grid of generated samples after step ${whole.format(sample.step)}`;
  $("#when-step").textContent = `Step ${whole.format(sample.step)}`;
  $("#when-images").textContent = sample.images === null ? "" : `${whole.format(sample.images)} images seen`;
  $("#when-time").textContent = sample.seconds === null ? "" : `${duration(sample.seconds)} of training`;
  const slider = $("#slider");
  slider.value = index;
  slider.setAttribute("aria-valuetext", `step ${sample.step}, ${index + 1} of ${run.samples.length}`);
  // The frame of the strip that is nearest to the one shown.
  const frames = [...document.querySelectorAll(".film button")];
  const nearest = frames.reduce((best, frame) =>
    !best || Math.abs(frame.dataset.index - index) < Math.abs(best.dataset.index - index) ? frame : best, null);
  for (const frame of frames) frame.setAttribute("aria-current", frame === nearest);
  charts.forEach(drawShown);
}

/** As large as the column allows: small grids by a whole factor with square pixels, others smoothly. */
function fit() {
  const picture = $("img.now");
  if (!picture || !picture.naturalWidth) return;
  const { naturalWidth: width, naturalHeight: height, parentElement: well } = picture;
  const space = getComputedStyle(well);
  const room = Math.min(well.clientWidth - parseFloat(space.paddingLeft) - parseFloat(space.paddingRight), 660 * Math.max(1, width / height));
  const factor = room / width;
  picture.style.width = `${factor >= 2 ? Math.floor(factor) * width : Math.floor(room)}px`;
  picture.style.imageRendering = factor >= 2 ? "pixelated" : "";
}

function play(on) {
  clearInterval(timeline.timer);
  timeline.timer = 0;
  $("#play").textContent = on ? "Pause" : "Play";
  if (!on) return;
  if (timeline.at === run.samples.length - 1) show(0);
  timeline.timer = setInterval(() => {
    if (timeline.at < run.samples.length - 1) show(timeline.at + 1);
    if (timeline.at === run.samples.length - 1) play(false);
  }, Math.max(120, Math.min(600, 8000 / run.samples.length)));
}

function buildTimeline() {
  const picture = $("img.now");
  if (!picture) return;
  picture.addEventListener("load", fit);
  fit();
  const slider = $("#slider");
  if (!slider) return;
  slider.addEventListener("input", () => { play(false); show(Number(slider.value)); });
  $("#play").addEventListener("click", () => play(!timeline.timer));
  const count = Math.min(run.samples.length, 8);
  const film = $(".film");
  for (let n = 0; n < count; n++) {
    const index = Math.round(n * (run.samples.length - 1) / Math.max(1, count - 1));
    const { step, src } = run.samples[index];
    const thumb = make("span", { class: "thumb" });
    thumb.style.backgroundImage = `url("${src}")`;
    const button = make("button", { type: "button", "data-index": index, "aria-label": `Samples after step ${step}` },
      thumb, make("span", { class: "step" }, compact.format(step)));
    button.addEventListener("click", () => { play(false); show(index); });
    film.append(button);
  }
}

// ------------------------------------------------------------------------------------------------------------ charts

const charts = run.charts.map((chart) => ({ ...chart, box: document.getElementById(`chart-${chart.id}`) }));
const state = { smooth: false, cursor: null };
const MARGIN = { right: 14, top: 10, bottom: 30 };

/** Mean over neighbours on both sides, weighted by a bell curve, so that nothing lags behind; gaps stay gaps. */
function smoothed(values) {
  const sigma = Math.max(1, values.length / 80), reach = Math.ceil(3 * sigma);
  return values.map((value, n) => {
    if (value === null) return null;
    let sum = 0, weight = 0;
    for (let k = Math.max(0, n - reach); k <= Math.min(values.length - 1, n + reach); k++) {
      if (values[k] === null) continue;
      const w = Math.exp(-0.5 * ((k - n) / sigma) ** 2);
      sum += w * values[k];
      weight += w;
    }
    return sum / weight;
  });
}

function ticks(low, high, most) {
  const rough = (high - low) / most, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((k) => k * power).find((k) => k >= rough * 0.999);
  const all = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + step * 1e-9; n++) all.push(n * step);
  return { all, step };
}

/** The part of the axis that shows what matters: outliers far beyond the middle 98 % are cut off. */
function range(chart) {
  if (chart.range) return { low: chart.range[0], high: chart.range[1], cut: false };
  const values = chart.series.flatMap((s) => [...s.mean, ...(s.low || []), ...(s.high || [])]).filter((v) => v !== null);
  if (chart.reference !== null) values.push(chart.reference);
  if (!values.length) return { low: 0, high: 1, cut: false };
  values.sort((a, b) => a - b);
  const at = (part) => values[Math.round(part * (values.length - 1))];
  const [first, last, q1, q99] = [at(0), at(1), at(0.01), at(0.99)];
  const span = (q99 - q1) || Math.abs(q99) * 0.1 || 1;
  let low = Math.max(first, q1 - 0.6 * span), high = Math.min(last, q99 + 0.6 * span);
  const cut = low > first || high < last;
  if (first >= 0 && low < 0.35 * high) low = 0;
  const air = 0.05 * ((high - low) || span);
  return { low: low === 0 ? 0 : low - air, high: high + air, cut };
}

const path = (points) => {
  let text = "", pen = "M";
  for (const [x, y] of points) {
    if (y === null) { pen = "M"; continue; }
    text += `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
    pen = "L";
  }
  return text;
};

function draw(chart) {
  const plot = $(".plot", chart.box);
  const width = Math.max(200, plot.clientWidth), height = plot.clientHeight || 216;
  const { low, high, cut } = range(chart);
  const vertical = ticks(low, high, 5);
  const digits = Math.max(0, Math.min(6, -Math.floor(Math.log10(vertical.step) + 1e-9)));
  const label = (value) => chart.percent ? `${Math.round(value * 100)} %`
    : Math.abs(value) < vertical.step * 1e-6 ? "0"
    : vertical.step < 1e-3 || Math.abs(value) >= 1e5 ? power(value) : value.toFixed(digits).replace("-", "−");
  const longest = Math.max(...vertical.all.map((value) => label(value).length));
  const [left, right, top, bottom] = [14 + 7.2 * longest, width - MARGIN.right, MARGIN.top, height - MARGIN.bottom];
  const x = (step) => left + (step - run.first) / Math.max(1, run.last - run.first) * (right - left);
  const y = (value) => value === null ? null : bottom - (value - low) / (high - low) * (bottom - top);
  Object.assign(chart, { x, y, left, right, top, bottom });

  const clip = `clip-${chart.id}`;
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", tabindex: 0, "aria-label": summary(chart) });
  svg.append(make("defs", {}, make("clipPath", { id: clip },
    make("rect", { x: left, y: top - 3, width: right - left, height: bottom - top + 6 }))));
  for (const value of vertical.all) {
    svg.append(make("line", { class: "g", x1: left, x2: right, y1: y(value), y2: y(value) }),
      make("text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }, label(value)));
  }
  const across = ticks(run.first, run.last, width / 60);
  for (const step of across.all) {
    if (step !== Math.round(step) || x(step) > right - 64) continue;
    svg.append(make("text", { x: x(step), y: bottom + 19, "text-anchor": "middle" }, step >= 1e5 ? compact.format(step) : whole.format(step)));
  }
  svg.append(make("text", { x: right, y: bottom + 19, "text-anchor": "end" }, "step →"),
    make("line", { class: "axis", x1: left, x2: right, y1: bottom, y2: bottom }));
  if (chart.reference !== null)
    svg.append(make("line", { class: "ref", x1: left, x2: right, y1: y(chart.reference), y2: y(chart.reference) }));

  const inside = make("g", { "clip-path": `url(#${clip})` });
  for (const series of chart.series) {
    const colour = `var(--s${series.colour})`;
    const points = (values) => series.step.map((step, n) => [x(step), y(values[n])]);
    if (series.low) {
      let there = [], back = [], text = "";
      const close = () => {
        if (there.length > 1) text += `${path(there)}L${path(back.reverse()).slice(1)}Z`;
        [there, back] = [[], []];
      };
      series.step.forEach((step, n) => {
        if (series.low[n] === null) return close();
        there.push([x(step), y(series.high[n])]);
        back.push([x(step), y(series.low[n])]);
      });
      close();
      inside.append(make("path", { class: "band", d: text, style: `fill:${colour}` }));
    }
    const smooth = state.smooth && chart.smooth;
    if (smooth && !series.low)
      inside.append(make("path", { class: "line raw", d: path(points(series.mean)), style: `stroke:${colour}` }));
    series.drawn = smooth ? smoothed(series.mean) : series.mean;
    inside.append(make("path", { class: "line main", d: path(points(series.drawn)), style: `stroke:${colour}` }));
  }
  chart.marks = make("g", { class: "marks" });
  chart.shown = make("line", { class: "shown", y1: top, y2: bottom, visibility: "hidden" });
  svg.append(inside, chart.shown, chart.marks);
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const part = ((event.clientX - box.left) / box.width * width - left) / (right - left);
    point(run.first + Math.max(0, Math.min(1, part)) * (run.last - run.first));
  });
  svg.addEventListener("pointerleave", () => point(null));
  svg.addEventListener("blur", () => point(null));
  svg.addEventListener("click", () => { if (state.cursor !== null) seek(state.cursor); });
  svg.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[event.key];
    if (event.key === "Enter" && state.cursor !== null) seek(state.cursor);
    if (!move) return;
    event.preventDefault();
    const now = state.cursor ?? run.last;
    point(Math.max(run.first, Math.min(run.last, now + move * (run.last - run.first) / 100)));
  });
  const focused = plot.contains(document.activeElement);
  plot.replaceChildren(svg);
  if (focused) svg.focus();

  const notes = [];
  if (cut) notes.push("A few values lie far beyond the rest and are cut off at the edge.");
  for (const s of chart.series) if (s.bad)
    notes.push(`${s.label}: ${whole.format(s.bad)} ${s.bad === 1 ? "value was" : "values were"} not finite, first at step ${whole.format(s.bad_first)}.`);
  $(".notes", chart.box).textContent = notes.join(" ");
  drawShown(chart);
  drawCursor(chart);
}

function summary(chart) {
  const ends = chart.series.map((s) => {
    const values = s.mean.filter((v) => v !== null);
    return values.length ? `${s.label} goes from ${readable(values[0], chart.percent)} to ${readable(values.at(-1), chart.percent)}` : `${s.label} has no finite value`;
  });
  return `${chart.title} from step ${run.first} to ${run.last}. ${ends.join("; ")}. Arrow keys read values; Enter shows the samples of that step.`;
}

/** Index of the point of a series that is nearest to a step. */
function nearest(steps, step) {
  let low = 0, high = steps.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (steps[middle] < step) low = middle; else high = middle;
  }
  return Math.abs(steps[low] - step) <= Math.abs(steps[high] - step) ? low : high;
}

function drawCursor(chart) {
  chart.marks.replaceChildren();
  const step = state.cursor;
  chart.series.forEach((series, n) => {
    const values = series.drawn;
    const index = step === null ? values.findLastIndex((v) => v !== null) : nearest(series.step, step);
    const value = values[index] ?? null;
    chart.values[n].textContent = readable(value, chart.percent);
    if (step === null || value === null) return;
    const cy = Math.max(chart.top, Math.min(chart.bottom, chart.y(value)));
    chart.marks.append(make("circle", { class: "dot", cx: chart.x(series.step[index]), cy, r: 4, style: `fill:var(--s${series.colour})` }));
  });
  if (step === null) { chart.when.textContent = "at the end"; return; }
  const at = chart.series.length ? chart.series[0].step[nearest(chart.series[0].step, step)] : step;
  chart.marks.prepend(make("line", { class: "cursor", x1: chart.x(at), x2: chart.x(at), y1: chart.top, y2: chart.bottom }));
  chart.when.textContent = `step ${whole.format(at)}`;
}

/** Marks the step of the samples that are shown, unless it is the last: then there is nothing to point out. */
function drawShown(chart) {
  const sample = run.samples[timeline.at];
  if (!chart.shown) return;
  const hidden = !sample || timeline.at === run.samples.length - 1;
  chart.shown.setAttribute("visibility", hidden ? "hidden" : "visible");
  if (hidden) return;
  const x = chart.x(Math.max(run.first, sample.step));
  chart.shown.setAttribute("x1", x);
  chart.shown.setAttribute("x2", x);
}

function point(step) {
  state.cursor = step;
  charts.forEach(drawCursor);
}

/** Shows the samples nearest to a step. */
function seek(step) {
  if (!run.samples.length) return;
  play(false);
  show(nearest(run.samples.map((sample) => sample.step), step));
}

function buildCharts() {
  for (const chart of charts) {
    const legend = $(".legend", chart.box);
    chart.values = chart.series.map((series) => {
      const value = make("b");
      const swatch = make("i");
      swatch.style.background = `var(--s${series.colour})`;
      legend.append(make("span", { class: "key" }, swatch, series.label, value));
      return value;
    });
    chart.when = make("span", { class: "at" });
    legend.append(chart.when);
  }
  const smooth = $("#smooth");
  if (!smooth) return;
  state.smooth = smooth.checked;
  smooth.addEventListener("change", () => { state.smooth = smooth.checked; charts.forEach(draw); });
  charts.forEach(draw);
  let width = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; charts.forEach(draw); fit(); } });
}

// ---------------------------------------------------------------------------------------------------------- the rest

function buildButtons() {
  const copy = $("#copy");
  copy.addEventListener("click", async () => {
    const command = $("#command");
    try { await navigator.clipboard.writeText(command.textContent); copy.textContent = "Copied"; } catch {
      // A browser may deny the clipboard to a page from disk: then the command is selected, ready for Ctrl-C.
      getSelection().selectAllChildren(command);
      copy.textContent = "Selected";
    }
    setTimeout(() => { copy.textContent = "Copy"; }, 1600);
  });
  const theme = $("#theme"), root = document.documentElement;
  const dark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const set = (name) => { root.dataset.theme = name; theme.textContent = name === "dark" ? "Light" : "Dark"; };
  theme.textContent = dark() ? "Light" : "Dark";
  theme.addEventListener("click", () => set(dark() ? "light" : "dark"));
  if (location.hash === "#dark") set("dark");
}

/** What `report.html#selftest` does: uses the page as a person would and writes down what came of it. */
async function selftest() {
  const results = {};
  const check = (name, ok) => { results[name] = Boolean(ok); };
  try {
    check("every chart has its lines", charts.every((c) =>
      c.box.querySelectorAll("path.main").length === c.series.length &&
      [...c.box.querySelectorAll("path.main")].every((p, n) => c.series[n].mean.every((v) => v === null) || p.getAttribute("d").startsWith("M"))));
    if (charts.length) {
      const line = () => $("path.main", charts[0].box).getAttribute("d");
      const smooth = $("#smooth");
      const before = line();
      smooth.click();
      check("smoothing changes the lines", line() !== before || charts[0].series[0].mean.length < 3);
      smooth.click();
      check("and back", line() === before);
      point(run.first);
      check("hovering reads the beginning", charts[0].when.textContent.startsWith("step ") && $("line.cursor", charts[0].box));
      point(null);
      check("and then the end again", charts[0].when.textContent === "at the end" && !$("line.cursor", charts[0].box));
    }
    if (run.samples.length > 1) {
      const slider = $("#slider"), picture = $("img.now");
      for (const index of [0, run.samples.length - 1]) {
        slider.value = index;
        slider.dispatchEvent(new Event("input"));
        await picture.decode();
        check(`the slider shows picture ${index}`, picture.getAttribute("src") === run.samples[index].src && picture.naturalWidth > 0
          && $("#when-step").textContent === `Step ${whole.format(run.samples[index].step)}`);
      }
      play(true);
      check("play begins at the first", timeline.at === 0 && timeline.timer);
      play(false);
      $(".film button:last-child").click();
      check("the strip goes to the last", timeline.at === run.samples.length - 1);
      seek(run.first);
      check("a chart's click goes to its samples", timeline.at === 0);
      show(run.samples.length - 1);
    }
    $("#theme").click();
    check("the theme can be changed", document.documentElement.dataset.theme);
    check("nothing is wider than the page", document.documentElement.scrollWidth <= innerWidth);
    check("nothing was loaded from elsewhere", performance.getEntriesByType("resource").every((entry) => entry.name.startsWith("data:")));
  } catch (error) { note(String(error)); }
  check("no script error", errors.length === 0);
  const ok = Object.values(results).every(Boolean);
  document.documentElement.dataset.selftest = ok ? "passed" : "failed";
  document.body.append(make("pre", { id: "selftest" }, JSON.stringify({ results, errors }, null, 1)));
}

buildTimeline();
buildCharts();
buildButtons();
if (run.samples.length > 1) show(timeline.at);
// `report.html#step-700` opens at the samples nearest to that step.
const linked = location.hash.match(/^#step-(\d+)$/);
if (linked && run.samples.length > 1) seek(Number(linked[1]));
if (location.hash === "#selftest") selftest();
