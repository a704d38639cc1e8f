// All runs: found, chosen, compared.
import { dialog, empty, fill, h, say, trouble, waiting } from './dom.js';
import { ask, of, tell } from './ask.js';
import { capital, clock, count, figure, plain, stateName, when } from './numbers.js';

/** How often the list is read. */
const PAUSE = 2000;

export function runs(place, { title }) {
  title('Runs');
  const chosen = new Set();
  let all = null;
  let timer = null;
  let isOver = false;
  let shown = '';

  const search = h('input', { type: 'search', placeholder: 'Search runs', 'aria-label': 'Search runs by name, system, data or tag', oninput: draw });
  const state = h('select', { 'aria-label': 'Show runs that are', onchange: draw },
    h('option', { value: '' }, 'All states'),
    ['training', 'finished', 'stopped', 'interrupted'].map((name) => h('option', { value: name }, stateName(name))));
  const compare = h('a', { class: 'button', href: '#/compare', hidden: true }, 'Compare');
  const number = h('p', { class: 'soft small', role: 'status' });
  const list = h('ul', { class: 'gallery' });
  const body = h('div', {}, waiting());
  const trash = h('button', { type: 'button', class: 'quiet', onclick: showTrash }, 'Trash');
  const tools = h('div', { class: 'tools', hidden: true }, search, state, compare, number, trash);
  fill(place, h('div', { class: 'head' }, h('div', {}, h('h1', {}, 'Runs'))), tools, body);

  async function read() {
    try {
      all = await ask('/api/runs');
      draw();
    } catch (error) {
      if (!all) fill(body, trouble(error));
    }
    if (!isOver) timer = setTimeout(read, document.hidden ? PAUSE * 4 : PAUSE);
  }

  function matches(run) {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const text = [run.name, run.digest.system, run.digest.title, run.data, ...run.tags].join(' ').toLowerCase();
    return words.every((word) => text.includes(word)) && (!state.value || run.state === state.value);
  }

  function draw() {
    if (!all) return;
    tools.hidden = all.length === 0;
    if (all.length === 0) {
      shown = '';
      fill(body, empty('No runs yet', 'A run is one training, kept in one folder. Start one here, or with the command gany train.',
        h('a', { class: 'button primary', href: '#/new' }, 'Start the first run')),
      h('p', { class: 'empty' }, trash));
      return;
    }
    const found = all.filter(matches);
    number.textContent = found.length === all.length ? `${count(all.length)} ${all.length === 1 ? 'run' : 'runs'}` : `${count(found.length)} of ${count(all.length)} runs`;
    const text = JSON.stringify([found, [...chosen]]);
    if (text === shown) return;
    shown = text;
    if (found.length === 0) {
      fill(body, empty('Nothing found', 'No run has all of these words.',
        h('button', { type: 'button', onclick: () => { search.value = ''; state.value = ''; draw(); search.focus(); } }, 'Show all runs')));
      return;
    }
    const focused = document.activeElement && document.activeElement.id;
    fill(list, found.map(card));
    if (list.parentNode !== body) fill(body, list);
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }

  function card(run) {
    const { digest } = run;
    const last = digest.samples.at(-1);
    const address = `#/runs/${encodeURIComponent(run.name)}`;
    const pick = h('input', {
      type: 'checkbox', checked: chosen.has(run.name), id: `pick-${run.name}`, 'aria-label': `Compare ${run.name}`,
      onchange: () => {
        if (pick.checked) chosen.add(run.name); else chosen.delete(run.name);
        compare.hidden = chosen.size < 2;
        compare.href = `#/compare?runs=${[...chosen].map(encodeURIComponent).join(',')}`;
        compare.textContent = `Compare ${chosen.size}`;
      },
    });
    const best = digest.best || digest.figures;
    const [name, value] = best ? Object.entries(best.figures)[0] || [] : [];
    return h('li', { class: 'card run-card' },
      last === undefined
        ? h('div', { class: 'no-thumb' }, run.state === 'training' ? 'No samples yet' : 'No samples')
        : h('img', { class: 'thumb', loading: 'lazy', alt: '', src: `${of(run.name, 'samples', last)}?${encodeURIComponent(digest.started_at)}` }),
      h('label', { class: 'pick', title: 'Compare' }, pick),
      h('div', { class: 'body' },
        h('h2', {}, h('a', { href: address, id: `run-${run.name}` }, run.name)),
        h('div', { class: 'row' }, h('span', { class: `badge ${run.state}` }, stateName(run.state)),
          digest.alarms > 0 && h('span', { class: 'badge alarm' }, `${digest.alarms} ${digest.alarms === 1 ? 'alarm' : 'alarms'}`)),
        run.trouble && h('p', { class: 'small' }, run.trouble),
        h('p', { class: 'soft small' }, [digest.title || digest.system, run.data].filter(Boolean).join(' on ')),
        digest.steps && run.state !== 'finished' && h('progress', { max: digest.steps, value: digest.step, 'aria-label': 'Steps done' }),
        h('p', { class: 'soft small' },
          `${count(digest.step)}${digest.steps ? ` of ${count(digest.steps)}` : ''} steps · ${clock(digest.seconds)}`,
          name && ` · ${plain(name).toUpperCase()} ${figure(value)}`),
        h('p', { class: 'soft small' }, when(digest.started_at)),
        run.tags.length > 0 && h('div', { class: 'row' }, run.tags.map((tag) => h('span', { class: 'tag' }, tag)))));
  }

  async function showTrash() {
    const listed = h('div', { class: 'stack' }, waiting(1));
    const close = h('form', { method: 'dialog', class: 'actions' }, h('button', {}, 'Close'));
    dialog('Trash', [h('p', { class: 'soft small' }, 'Runs that were put away lie in the folder .trash beside the others, each as it was.'), listed, close]);
    const refresh = async () => {
      try {
        const names = await ask('/api/trash');
        fill(listed, names.length === 0 ? h('p', {}, 'The trash is empty.') : h('ul', { class: 'stack' }, names.map((name) => h('li', { class: 'head' },
          h('div', {}, name), h('span', { class: 'room' }),
          h('button', { type: 'button', onclick: async () => {
            await tell(`/api/trash/${encodeURIComponent(name)}/restore`, {});
            say(`${capital(name)} is back.`);
            refresh();
            clearTimeout(timer);
            read();
          } }, 'Put back')))));
      } catch (error) {
        fill(listed, trouble(error));
      }
    };
    refresh();
  }

  read();
  return () => { isOver = true; clearTimeout(timer); };
}
