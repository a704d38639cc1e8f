// Several runs: the same curves of each, and where their settings differ.
import { empty, fill, h, trouble, waiting } from './dom.js';
import { ask, of } from './ask.js';
import { Charts } from './chart.js';
import { capital, count, figure, groupOf, plain, stateName } from './numbers.js';

/** The most runs that are told apart by colour. */
const MOST = 6;
const PAUSE = 3000;

export function compare(place, { query, title }) {
  title('Compare');
  const names = (query.get('runs') || '').split(',').filter(Boolean).map(decodeURIComponent).slice(0, MOST);
  const body = h('div', {}, waiting());
  fill(place, h('div', { class: 'head' }, h('div', {}, h('h1', {}, `Compare ${names.length} runs`), h('p', { class: 'soft' }, names.join(', '))),
    h('span', { class: 'room' }), h('a', { class: 'button', href: '#/runs' }, 'Choose others')), body);
  if (names.length < 2) {
    fill(body, empty('Choose at least two runs', 'Tick the boxes in the corners of runs, and then Compare.', h('a', { class: 'button primary', href: '#/runs' }, 'Choose runs')));
    return null;
  }
  let zoom = null;
  let timer = null;
  let isOver = false;
  const charts = new Charts((part) => { zoom = part; clearTimeout(timer); read(); });
  const drawn = h('div', { class: 'charts' });
  const settings = h('section', { class: 'card pad', 'aria-label': 'Settings that differ' });
  const figures = h('section', { class: 'card pad', 'aria-label': 'How they stand' });

  async function read() {
    try {
      const part = zoom ? `&from=${zoom[0]}&to=${zoom[1]}` : '';
      const [all, curves] = await Promise.all([
        Promise.all(names.map((name) => ask(of(name)))),
        Promise.all(names.map((name) => ask(`${of(name, 'curves')}?points=400${part}`))),
      ]);
      if (isOver) return;
      if (!drawn.parentNode) fill(body, h('div', { class: 'stack' }, figures, drawn, settings));
      draw(curves);
      differences(all);
      if (all.some((run) => run.state === 'training')) timer = setTimeout(read, PAUSE);
    } catch (error) {
      fill(body, trouble(error));
    }
  }

  /** Curves of several runs on the steps of all. */
  function draw(curves) {
    const series = [...new Set(curves.flatMap((one) => Object.keys(one.series)))].sort((a, b) => b.startsWith('loss.') - a.startsWith('loss.') || a.localeCompare(b));
    const metrics = [...new Set(curves.flatMap((one) => Object.keys(one.metrics)))].sort();
    const together = (title, points) => {
      const steps = [...new Set(points.flatMap((one) => one.map(([step]) => step)))].sort((a, b) => a - b);
      const at = new Map(steps.map((step, i) => [step, i]));
      const lines = {};
      points.forEach((one, i) => {
        const mean = new Array(steps.length).fill(null);
        one.forEach(([step, value]) => { mean[at.get(step)] = value; });
        lines[names[i]] = { mean };
      });
      charts.chart(title).update(steps, lines, { isZoomed: zoom !== null });
      return charts.chart(title).element;
    };
    const elements = [
      ...series.map((full) => {
        const { group, name } = groupOf(full);
        return together(group === 'Other' ? capital(name) : `${group}: ${name}`, curves.map((one) => (one.series[full] ? one.steps.map((step, i) => [step, one.series[full].mean[i]]) : [])));
      }),
      ...metrics.map((metric) => together(capital(plain(metric)), curves.map((one) => one.metrics[metric] || []))),
    ];
    if (elements.length !== drawn.children.length) fill(drawn, elements);
  }

  function differences(all) {
    const keys = [...new Set(all.flatMap((run) => Object.keys(run.settings)))].sort();
    const shown = (value) => (value === undefined ? '–' : typeof value === 'string' ? value : JSON.stringify(value));
    const differ = keys.filter((key) => new Set(all.map((run) => shown(run.settings[key]))).size > 1);
    const head = h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, 'Setting'), all.map((run) => h('th', { scope: 'col' }, run.name))));
    fill(settings, h('div', { class: 'card-head' }, h('h2', {}, 'Settings that differ')),
      differ.length === 0 ? h('p', { class: 'soft' }, 'None: these runs have the same settings.')
        : h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Settings that differ' }, h('table', {}, head, h('tbody', {}, differ.map((key) => h('tr', {}, h('th', { scope: 'row' }, key), all.map((run) => h('td', { class: 'mono' }, shown(run.settings[key])))))))));
    fill(figures, h('div', { class: 'card-head' }, h('h2', {}, 'How they stand')),
      h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'How they stand' }, h('table', {},
        h('thead', {}, h('tr', {}, ['Run', 'State', 'Steps', 'Best figure', 'Alarms'].map((text) => h('th', { scope: 'col', class: ['Steps', 'Alarms'].includes(text) && 'number' }, text)))),
        h('tbody', {}, all.map((run) => {
          const best = run.digest.best || run.digest.figures;
          const first = best && Object.entries(best.figures)[0];
          return h('tr', {}, h('th', { scope: 'row' }, h('a', { href: `#/runs/${encodeURIComponent(run.name)}` }, run.name)),
            h('td', {}, stateName(run.state)), h('td', { class: 'number' }, count(run.digest.step)),
            h('td', {}, first ? `${plain(first[0]).toUpperCase()} ${figure(first[1])}` : '–'), h('td', { class: 'number' }, count(run.digest.alarms)));
        })))));
  }

  read();
  return () => { isOver = true; clearTimeout(timer); charts.close(); };
}
