// Curves: the mean of what was measured as a line, the least and largest as a band behind it.
import uPlot from './vendor/uplot.js';
import { fill, h, write } from './dom.js';
import { count, figure } from './numbers.js';

const CURVES = 6;
const HEIGHT = 210;

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function faded(hex, share) {
  return `${hex}${Math.round(share * 255).toString(16).padStart(2, '0')}`;
}

/** Charts that belong together: one cursor, one part of the steps. */
export class Charts {
  /** `zoomed` is told which steps are to be shown: from, to; nothing for all. */
  constructor(zoomed) {
    this.zoomed = zoomed;
    this.sync = uPlot.sync(`charts-${Math.random()}`);
    this.all = new Map();
    this.marks = [];
    this.repaint = () => this.all.forEach((chart) => chart.build());
    window.addEventListener('painted', this.repaint);
  }

  /** The chart of this title, made where it is not there yet. */
  chart(title) {
    if (!this.all.has(title)) this.all.set(title, new Chart(this, title));
    return this.all.get(title);
  }

  /** Vertical lines: `{ step, text }`. */
  mark(marks) {
    this.marks = marks;
  }

  close() {
    window.removeEventListener('painted', this.repaint);
    this.all.forEach((chart) => chart.close());
  }
}

class Chart {
  constructor(charts, title) {
    this.charts = charts;
    this.title = title;
    this.names = [];
    this.plotted = h('div', { class: 'plot', 'aria-hidden': 'true' });
    this.keys = h('ul', { class: 'keys' });
    this.reset = h('button', { type: 'button', class: 'quiet small', hidden: true, onclick: () => charts.zoomed(null) }, 'Show all steps');
    this.element = h('figure', { class: 'card pad chart' },
      h('div', { class: 'card-head' }, h('h3', {}, title), this.reset),
      this.plotted, h('figcaption', {}, this.keys));
    this.watch = new ResizeObserver(() => {
      if (this.plot && this.plotted.clientWidth > 0) this.plot.setSize({ width: this.plotted.clientWidth, height: HEIGHT });
    });
    this.watch.observe(this.plotted);
    // What nobody sees is not drawn: a run that trains fast has news several times a second.
    this.isSeen = true;
    this.seeing = new IntersectionObserver(([entry]) => {
      this.isSeen = entry.isIntersecting;
      if (this.isSeen && this.isStale) this.draw();
    }, { rootMargin: '200px' });
    this.seeing.observe(this.plotted);
  }

  draw() {
    this.isStale = false;
    if (this.plot && this.built === this.made) this.plot.setData(this.data);
    else this.build();
  }

  /** Shows curves: `x`, and of each name `{ mean, min, max }`. */
  update(x, series, { isZoomed = false } = {}) {
    const names = Object.keys(series);
    const hasBands = names.map((name) => Boolean(series[name].min));
    this.made = JSON.stringify([names, hasBands]);
    [this.names, this.hasBands] = [names, hasBands];
    this.data = [x, ...names.flatMap((name) => {
      const { mean, min, max } = series[name];
      return min ? [mean, max, min] : [mean];
    })];
    this.reset.hidden = !isZoomed;
    if (this.isSeen) this.draw();
    else this.isStale = true;
    this.describe(series);
  }

  describe(series) {
    if (this.keys.children.length !== this.names.length) {
      fill(this.keys, this.names.map((name, i) => h('li', { class: `curve-${(i % CURVES) + 1}` },
        h('span', { class: 'swatch' }), h('span', {}, name), h('b', {}))));
    }
    this.names.forEach((name, i) => {
      const last = series[name].mean.findLast((value) => value !== null);
      write(this.keys.children[i].children[1], name);
      write(this.keys.children[i].lastChild, figure(last));
    });
  }

  build() {
    if (!this.data) return;
    this.plot?.destroy();
    this.built = this.made;
    const ink = colour('--soft');
    const grid = { stroke: colour('--line'), width: 1 };
    const series = [{}];
    const bands = [];
    this.names.forEach((name, i) => {
      const stroke = colour(`--curve-${(i % CURVES) + 1}`);
      series.push({ label: name, stroke, width: 1.75, spanGaps: true, points: { show: (plot, number) => plot.data[0].length < 30 && plot.data[number].length > 0, size: 4 } });
      if (this.hasBands[i]) {
        const of = series.length;
        series.push({ stroke: 'transparent', width: 0, points: { show: false }, spanGaps: true });
        series.push({ stroke: 'transparent', width: 0, points: { show: false }, spanGaps: true });
        bands.push({ series: [of, of + 1], fill: faded(stroke, 0.16) });
      }
    });
    const axis = { stroke: ink, grid, ticks: grid, font: `12px ${getComputedStyle(document.body).fontFamily}` };
    this.plot = new uPlot({
      width: Math.max(this.plotted.clientWidth, 100),
      height: HEIGHT,
      series,
      bands,
      legend: { show: false },
      scales: { x: { time: false }, y: { range: reach } },
      cursor: { sync: { key: this.charts.sync.key }, drag: { x: true, y: false, setScale: false }, y: false },
      axes: [
        { ...axis, values: (_, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? count(tick) : '')), space: 70 },
        { ...axis, values: (_, ticks) => ticks.map((tick) => short(tick)), size: 54 },
      ],
      hooks: {
        setSelect: [(plot) => {
          if (plot.select.width < 8) return;
          const [from, to] = [plot.select.left, plot.select.left + plot.select.width].map((at) => plot.posToVal(at, 'x'));
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          this.charts.zoomed([Math.floor(from), Math.ceil(to)]);
        }],
        setCursor: [(plot) => this.read(plot)],
        draw: [(plot) => this.drawMarks(plot)],
      },
    }, this.data, this.plotted);
    this.plotted.ondblclick = () => this.charts.zoomed(null);
  }

  /** The values under the cursor stand beside the names. */
  read(plot) {
    const at = plot.cursor.idx;
    let column = 1;
    this.names.forEach((name, i) => {
      const values = this.data[column];
      const value = at === null || at === undefined ? values.findLast((value) => value !== null) : values[at];
      if (this.keys.children[i]) write(this.keys.children[i].lastChild, figure(value));
      column += this.hasBands[i] ? 3 : 1;
    });
  }

  drawMarks(plot) {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.strokeStyle = colour('--warn');
    ctx.setLineDash([4, 4]);
    ctx.lineWidth = devicePixelRatio;
    for (const { at } of this.charts.marks) {
      const x = Math.round(plot.valToPos(at, 'x', true));
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.restore();
  }

  close() {
    this.watch.disconnect();
    this.seeing.disconnect();
    this.plot?.destroy();
  }
}

/** What an axis shows: a little more than there is, and a curve that never moves in the middle. */
function reach(_, least, most) {
  if (least === null || most === null) return [0, 1];
  if (least === most) return [least - Math.max(Math.abs(least) * 0.1, 0.1), most + Math.max(Math.abs(most) * 0.1, 0.1)];
  return uPlot.rangeNum(least, most, 0.1, false);
}

function short(value) {
  const size = Math.abs(value);
  if (value === 0) return '0';
  if (size >= 1e5 || size < 1e-3) return value.toExponential(0);
  return String(Number(value.toPrecision(3)));
}
