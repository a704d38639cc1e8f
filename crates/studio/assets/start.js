// A form made of a system's own settings.
import { field, fill, fresh, h, trouble, waiting } from './dom.js';
import { ask, of, tell } from './ask.js';
import { capital, plain } from './numbers.js';
import { sketch } from './lab/plane.js';

export function start(place, { query, title }) {
  const from = query.get('from');
  title(from ? `Clone ${from}` : 'New run');
  fill(place, h('div', { class: 'head' }, h('div', {}, h('h1', {}, from ? `A run like ${from}` : 'New run'),
    h('p', { class: 'soft' }, 'It trains in a process of its own: this page can be closed meanwhile.'))), waiting(2));
  const load = place.lastChild;
  Promise.all([ask('/api/systems'), ask('/api/data'), from && ask(of(from))])
    .then(([systems, data, run]) => load.replaceWith(form(systems, data, run, query)), (error) => load.replaceWith(trouble(error)));
}

/** What a run was made with, as the form has it. */
function wishes(run, query) {
  const wish = { system: query.get('system') || 'dcgan', data: '', settings: {}, minutes: 3 };
  if (run) {
    const { settings } = run;
    wish.system = settings.system || wish.system;
    wish.data = settings.data || '';
    wish.seed = settings.seed;
    const size = settings['data.want'] && settings['data.want'].size;
    wish.size = size ? `${size[0]}x${size[1]}` : '';
    wish.precision = settings.precision;
    if (run.digest.steps) [wish.steps, wish.minutes] = [run.digest.steps, null];
    for (const [key, value] of Object.entries(settings)) {
      if (key.startsWith('settings.')) wish.settings[key.slice(9)] = value;
    }
  }
  for (const [key, value] of query) {
    if (key.startsWith('set.')) wish.settings[key.slice(4)] = value;
  }
  return wish;
}

function form(systems, data, run, query) {
  const wish = wishes(run, query);
  const chapters = [...new Set(systems.map((system) => system.section))];
  const system = h('select', { required: true, onchange: () => choose(true) }, chapters.map((chapter) => h('optgroup', { label: capital(plain(chapter)) },
    systems.filter((one) => one.section === chapter).map((one) => h('option', { value: one.id }, `${one.title} (${one.id})`)))));
  system.value = systems.some((one) => one.id === wish.system) ? wish.system : systems[0].id;

  const sets = h('datalist', { id: fresh('sets') }, data.map((set) => h('option', { value: set.id }, set.is_here ? set.title : `${set.title} (to be fetched)`)));
  const set = h('input', { list: sets.id, required: true, value: wish.data, autocomplete: 'off', spellcheck: 'false', oninput: knows });
  const setHelp = h('span', { class: 'help' });
  const points = h('canvas', { class: 'set-points', 'aria-hidden': 'true', hidden: true });
  const minutes = h('input', { type: 'number', min: 0.05, step: 'any', value: wish.minutes ?? 3 });
  const steps = h('input', { type: 'number', min: 1, step: 1, value: wish.steps ?? 2000 });
  const by = fresh('length');
  const byMinutes = h('input', { type: 'radio', name: by, checked: !wish.steps, onchange: length });
  const bySteps = h('input', { type: 'radio', name: by, checked: Boolean(wish.steps), onchange: length });
  minutes.setAttribute('aria-label', 'Minutes');
  steps.setAttribute('aria-label', 'Steps');
  const size = h('input', { value: wish.size || '', placeholder: 'as the data are', autocomplete: 'off', pattern: '\\s*[0-9]+(x[0-9]+)?\\s*', title: 'A side such as 64, or height and width such as 64x96' });
  const seed = h('input', { type: 'number', min: 0, step: 1, value: wish.seed ?? 0 });
  const precision = h('select', {}, h('option', { value: 'f32' }, 'f32'), h('option', { value: 'bf16' }, 'bf16: faster where the processor can'), h('option', { value: 'auto' }, 'auto'));
  if (wish.precision) precision.value = wish.precision;
  const name = h('input', { placeholder: 'after system and data', autocomplete: 'off', maxlength: 100 });
  const heal = h('input', { type: 'checkbox', id: fresh('heal') });
  const settings = h('div', { class: 'fields' });
  const search = h('input', { type: 'search', placeholder: 'Find a setting', 'aria-label': 'Find a setting', oninput: narrow });
  const about = h('aside', { class: 'card pad stack', 'aria-label': 'About the system' });
  const problem = h('div');
  const button = h('button', { class: 'primary' }, 'Start training');
  const inputs = new Map();

  function length() {
    minutes.disabled = !byMinutes.checked;
    steps.disabled = !bySteps.checked;
  }

  function chosen() {
    return systems.find((one) => one.id === system.value);
  }

  function choose(isOther) {
    const one = chosen();
    if (isOther || !set.value) set.value = one.data;
    knows();
    fill(about, h('h2', {}, one.title), h('p', {}, one.idea),
      one.equations.length > 0 && h('div', { class: 'equations', tabindex: '0', role: 'region', 'aria-label': 'Equations' }, one.equations.join('\n')),
      h('p', { class: 'small soft' }, one.paper),
      one.over && h('p', { class: 'small soft' }, `It changes ${one.over}.`));
    inputs.clear();
    fill(settings, Object.entries(one.settings).map(([key, preset]) => setting(key, preset, isOther ? undefined : wish.settings[key])));
    narrow();
  }

  function setting(key, preset, wished) {
    const names = chosen().choices[key];
    const options = typeof preset === 'boolean' ? [['true', 'yes'], ['false', 'no']] : names && names.map((name) => [name, name]);
    const input = options
      ? h('select', {}, options.map(([value, label]) => h('option', { value }, label)))
      : h('input', { type: 'text', inputmode: typeof preset === 'number' ? 'decimal' : 'text', autocomplete: 'off', spellcheck: 'false' });
    const text = (value) => (typeof value === 'string' ? value : JSON.stringify(value));
    input.value = text(wished ?? preset);
    const help = chosen().help[key];
    const shown = field(plain(key.replaceAll('.', ' › ')), input, [help && `${help.replaceAll('`', '')} `, h('span', { class: 'preset' }, `Default ${text(preset)}.`)]);
    shown.classList.add('setting');
    shown.dataset.key = key;
    const mark = () => shown.classList.toggle('changed', input.value.trim() !== text(preset));
    input.addEventListener('input', mark);
    mark();
    inputs.set(key, { input, preset: text(preset) });
    return shown;
  }

  function narrow() {
    const word = search.value.toLowerCase().trim();
    for (const shown of settings.children) shown.hidden = word !== '' && !shown.textContent.toLowerCase().includes(word) && !shown.dataset.key.includes(word);
  }

  function knows() {
    const known = data.find((one) => one.id === set.value.split(':')[0]);
    const one = chosen();
    let text = 'A data set, a folder of pictures, or a file.';
    if (known) text = `${known.title}. ${capital(known.shape)}; ${known.licence}.${known.is_here ? '' : ` To fetch it: gany data get ${known.id}`}`;
    if (one.needs.includes('y')) text += ' This system needs labels.';
    setHelp.textContent = text;
    const drawn = known ? known.points : [];
    points.hidden = drawn.length === 0;
    if (drawn.length > 0) {
      sketch(points, drawn.flat(), 1.25 * Math.max(...drawn.flat().map(Math.abs)));
      points.dataset.set = known.id;
    }
  }

  async function begin(event) {
    event.preventDefault();
    button.disabled = true;
    button.textContent = 'Starting…';
    fill(problem);
    const changed = {};
    for (const [key, { input, preset }] of inputs) {
      if (input.value.trim() !== preset) changed[key] = input.value.trim();
    }
    try {
      const { name: started } = await tell('/api/runs', {
        system: system.value,
        data: set.value,
        name: name.value || null,
        minutes: byMinutes.checked ? Number(minutes.value) : null,
        steps: bySteps.checked ? Number(steps.value) : null,
        size: size.value.trim() || null,
        seed: Number(seed.value),
        precision: precision.value,
        heal: heal.checked,
        settings: changed,
      });
      location.hash = `#/runs/${encodeURIComponent(started)}`;
    } catch (error) {
      fill(problem, trouble(error));
      problem.firstChild.scrollIntoView({ block: 'nearest' });
      button.disabled = false;
      button.textContent = 'Start training';
    }
  }

  length();
  choose(false);
  const dataField = field('Data', set);
  setHelp.id = `${set.id}-help`;
  set.setAttribute('aria-describedby', setHelp.id);
  dataField.append(h('div', { class: 'set-about' }, points, setHelp), sets);
  return h('form', { class: 'form', onsubmit: begin },
    h('div', { class: 'stack' },
      h('section', { class: 'card pad', 'aria-label': 'What is trained' }, h('div', { class: 'fields' },
        field('System', system), dataField,
        h('fieldset', { class: 'wide' }, h('legend', {}, 'How long'),
          h('div', { class: 'fields' },
            h('div', { class: 'field' }, h('label', { class: 'check' }, byMinutes, 'Minutes'), minutes),
            h('div', { class: 'field' }, h('label', { class: 'check' }, bySteps, 'Steps'), steps))),
        field('Size of pictures', size, 'Pixels: 64, or 64x96'),
        field('Seed', seed, 'What all randomness follows from'),
        field('Precision', precision),
        field('Name of the folder', name),
        h('label', { class: 'check wide' }, heal, 'Heal: after an alarm go back, apply its cure, and go on'))),
      h('details', { class: 'card', open: run || Object.keys(wish.settings).length > 0 }, h('summary', {}, 'Settings of the system'),
        h('div', { class: 'inside stack' }, search, settings)),
      problem,
      h('div', { class: 'actions' }, button, h('a', { class: 'button', href: '#/runs' }, 'Cancel'))),
    about);
}
