// What a trained generator has learnt: samples, directions, a map, a film, mixed styles, and pictures that are looked for.
import { empty, field, fill, fresh, h, say, trouble, waiting, write } from './dom.js';
import { ask, of, Refused } from './ask.js';
import { capital, count, figure, stateName } from './numbers.js';

/** Deviations that a slider reaches. */
const REACH = 4;
const CELLS = 7;

/** The runs that can be explored. */
export function explorers(place, { title }) {
  title('Explorer');
  const body = h('div', {}, waiting());
  fill(place, h('div', { class: 'head' }, h('div', {}, h('h1', {}, 'Explorer'), h('p', { class: 'soft' }, 'Walk through what a trained generator has learnt.'))), body);
  ask('/api/runs').then((runs) => {
    const ready = runs.filter((run) => run.digest.latest_checkpoint !== null && run.digest.samples.length > 0);
    if (ready.length === 0) {
      fill(body, empty('Nothing to explore yet', 'A run can be explored from its first checkpoint on.', h('a', { class: 'button primary', href: '#/new' }, 'Start a run')));
      return;
    }
    fill(body, h('ul', { class: 'gallery' }, ready.map((run) => h('li', { class: 'card run-card' },
      h('img', { class: 'thumb', loading: 'lazy', alt: '', src: `${of(run.name, 'samples', run.digest.samples.at(-1))}?${encodeURIComponent(run.digest.started_at)}` }),
      h('div', { class: 'body' }, h('h2', {}, h('a', { href: `#/explorer/${encodeURIComponent(run.name)}` }, run.name)),
        h('p', { class: 'soft small' }, `${run.digest.title}, step ${count(run.digest.latest_checkpoint)}, ${stateName(run.state).toLowerCase()}`))))));
  }, (error) => fill(body, trouble(error)));
}

export function explorer(place, { parts: [name], title }) {
  title(`Explore ${name}`);
  const body = h('div', {}, waiting(2));
  fill(place, h('div', { class: 'head' }, h('div', {}, h('h1', {}, `Explore ${name}`), h('p', { class: 'soft' }, 'The first look takes a moment: the weights are read, and directions are found.')),
    h('span', { class: 'room' }), h('a', { class: 'button', href: `#/runs/${encodeURIComponent(name)}` }, 'To the run')), body);
  ask(of(name, 'generator')).then((about) => {
    write(place.querySelector('.head p'), `${about.title} at step ${count(about.step)}: ${about.floats} numbers${about.layers > 1 ? ` for each of ${about.layers} layers` : ''} make a picture.`);
    fill(body, new View(name, about).element);
  }, (error) => fill(body, trouble(error)));
}

class View {
  constructor(run, about) {
    this.run = run;
    this.about = about;
    this.place = { seed: 0, number: 0, psi: 1, along: (about.directions || []).map(() => 0) };
    if (about.classes) this.place.class = 0;

    this.portrait = h('img', { class: 'portrait', alt: 'The picture of this code' });
    this.time = h('output', { class: 'small soft' });
    this.seed = h('input', { type: 'number', min: 0, step: 1, value: 0, oninput: () => this.move({ seed: Number(this.seed.value) || 0, found: undefined }) });
    this.number = h('input', { type: 'number', min: 0, step: 1, value: 0, oninput: () => this.move({ number: Number(this.number.value) || 0, found: undefined }) });
    this.psi = slider('Truncation', -1, 1.5, 0.05, 1, (psi) => this.move({ psi }));
    this.sliders = this.place.along.map((_, i) => slider(`Direction ${i + 1}, ${(about.directions[i] * 100).toFixed(1)} %`, -REACH, REACH, 0.1, 0, (by) => {
      this.place.along[i] = by;
      this.move({});
    }));
    this.problem = h('div');
    this.download = h('a', { class: 'button', download: `${run}.png` }, 'Download PNG');
    const classes = about.classes && h('select', { onchange: (event) => this.move({ class: Number(event.target.value) }) }, about.classes.map((label, i) => h('option', { value: i }, label)));

    this.element = h('div', { class: 'explorer' },
      h('div', { class: 'stack' },
        h('section', { class: 'card pad stack', 'aria-label': 'Where you are' }, this.portrait,
          h('div', { class: 'actions' },
            h('button', { type: 'button', class: 'primary', onclick: () => this.another() }, 'Another'),
            h('button', { type: 'button', onclick: () => this.reset() }, 'Back to the sample'), this.download),
          this.time, this.problem,
          h('div', { class: 'fields close' }, field('Seed', this.seed), field('Number', this.number), classes && field('Class', classes)), this.psi.element),
        this.uploadCard()),
      h('div', { class: 'stack' },
        this.sliders.length > 0 && h('section', { class: 'card pad', 'aria-label': 'Directions' },
          h('div', { class: 'card-head' }, h('h2', {}, 'Principal directions'), h('span', { class: 'small soft' }, 'in deviations; the share is of all variance')),
          h('div', { class: 'sliders' }, this.sliders.map((one) => one.element))),
        this.place.along.length > 1 && this.mapCard(),
        this.filmCard(),
        about.layers > 1 && this.mixCard()));
    this.show().then(() => this.drawMap && this.drawMap());
  }

  query(more = {}) {
    const { along, ...rest } = { ...this.place, ...more };
    const query = new URLSearchParams(Object.entries(rest).filter(([, value]) => value !== undefined));
    if (along && along.some((by) => by !== 0)) query.set('along', along.join(','));
    return query;
  }

  address(what, query) {
    return `${of(this.run, 'generator', what)}?${query}`;
  }

  move(change) {
    Object.assign(this.place, change);
    this.show();
  }

  /** Shows the picture of where we are. One request at a time; what was asked for last is shown last. */
  async show() {
    if (this.isAsking) {
      this.isStale = true;
      return;
    }
    this.isAsking = true;
    this.isStale = false;
    const begun = performance.now();
    try {
      const response = await fetch(this.address('picture.png', this.query()));
      if (!response.ok) throw new Refused(response.status, await response.json().catch(() => ({})));
      const made = URL.createObjectURL(await response.blob());
      if (this.made) URL.revokeObjectURL(this.made);
      this.made = made;
      this.portrait.src = made;
      this.download.href = made;
      write(this.time, `${Math.round(performance.now() - begun)} ms`);
      this.problem.replaceChildren();
    } catch (error) {
      fill(this.problem, trouble(error));
    }
    this.isAsking = false;
    if (this.isStale) this.show();
  }

  another() {
    this.number.value = this.place.number + 1;
    this.move({ number: this.place.number + 1, found: undefined });
    say(`Sample ${this.place.number}`);
  }

  reset() {
    this.place.along.fill(0);
    this.sliders.forEach((one) => one.set(0));
    this.psi.set(1);
    this.move({ psi: 1, found: undefined });
  }

  mapCard() {
    const names = this.place.along.map((_, i) => h('option', { value: i }, `Direction ${i + 1}`));
    const across = h('select', {}, names);
    const down = h('select', {}, names.map((option) => option.cloneNode(true)));
    down.value = '1';
    const image = h('img', { alt: 'A map of pictures: one direction across, another down' });
    const cells = h('div', { class: 'cells' });
    const shown = h('div', { class: 'map', hidden: true }, image, cells);
    const problem = h('div');
    const draw = async () => {
      shown.classList.add('busy');
      const reach = 3;
      image.onerror = () => fill(problem, trouble({ message: 'The map could not be drawn.' }));
      image.onload = () => {
        problem.replaceChildren();
        shown.hidden = false;
        shown.classList.remove('busy');
        cells.style.gridTemplateColumns = `repeat(${CELLS}, 1fr)`;
        const amount = (i) => Number((reach * (2 * i / (CELLS - 1) - 1)).toFixed(2));
        fill(cells, Array.from({ length: CELLS * CELLS }, (_, i) => {
          const [x, y] = [amount(i % CELLS), -amount(Math.floor(i / CELLS))];
          return h('button', { type: 'button', 'aria-label': `Go to ${x} across, ${y} down`, onclick: () => {
            const [a, b] = [Number(across.value), Number(down.value)];
            this.place.along[a] = clamp((base[a] || 0) + x);
            this.place.along[b] = clamp((a === b ? this.place.along[b] : base[b] || 0) + y);
            this.sliders.forEach((one, i) => one.set(this.place.along[i]));
            this.show();
          } });
        }));
      };
      const base = [...this.place.along];
      image.src = this.address('map.png', this.query({ across: across.value, down: down.value, reach, cells: CELLS }));
    };
    this.drawMap = draw;
    return h('section', { class: 'card pad stack', 'aria-label': 'Map' },
      h('div', { class: 'card-head' }, h('h2', {}, 'Map around this picture'), h('button', { type: 'button', onclick: draw }, 'Draw the map')),
      h('div', { class: 'fields' }, field('Across', across), field('Down', down)), problem, shown);
  }

  filmCard() {
    const stops = h('input', { value: '0,1,2,3', autocomplete: 'off', pattern: '\\s*[0-9]+(\\s*,\\s*[0-9]+)+\\s*', title: 'Numbers of samples with commas between them' });
    const format = h('select', {}, h('option', { value: 'gif' }, 'GIF'), h('option', { value: 'apng' }, 'Animated PNG'));
    const shown = h('div');
    const draw = async (event) => {
      event.preventDefault();
      fill(shown, waiting(1));
      const query = new URLSearchParams({ seed: this.place.seed, stops: stops.value.replaceAll(' ', ''), format: format.value });
      if (this.place.class !== undefined) query.set('class', this.place.class);
      const response = await fetch(this.address('film', query)).catch(() => null);
      if (!response || !response.ok) {
        const said = response ? await response.json().catch(() => ({})) : { error: 'The studio does not answer.' };
        fill(shown, trouble(new Refused(response ? response.status : 0, said)));
        return;
      }
      const made = URL.createObjectURL(await response.blob());
      fill(shown, h('img', { class: 'portrait small-portrait', src: made, alt: 'A walk from sample to sample' }),
        h('p', {}, h('a', { class: 'button', href: made, download: `${this.run}-walk.${format.value}` }, 'Download the film')));
    };
    return h('section', { class: 'card pad stack', 'aria-label': 'Film' }, h('h2', {}, 'Film from sample to sample'),
      h('form', { class: 'fields', onsubmit: draw }, field('Numbers of samples', stops), field('Format', format),
        h('div', { class: 'field end' }, h('button', {}, 'Make the film'))), shown);
  }

  mixCard() {
    const layers = h('select', {}, ['coarse', 'middle', 'fine'].map((one) => h('option', { value: one }, capital(one))));
    const rows = h('input', { type: 'number', min: 0, value: 0 });
    const columns = h('input', { type: 'number', min: 0, value: 10 });
    const image = h('img', { alt: 'Rows of samples with some styles of the columns', hidden: true, class: 'wide-image' });
    image.onload = () => { image.hidden = false; };
    const draw = (event) => {
      event.preventDefault();
      const query = new URLSearchParams({ seed: this.place.seed, rows: rows.value, columns: columns.value, layers: layers.value });
      image.src = this.address('mix.png', query);
    };
    return h('section', { class: 'card pad stack', 'aria-label': 'Style mixing' }, h('h2', {}, 'Mixed styles'),
      h('form', { class: 'fields', onsubmit: draw }, field('Rows from number', rows), field('Columns from number', columns), field('Layers of the columns', layers),
        h('div', { class: 'field end' }, h('button', {}, 'Mix'))), image);
  }

  uploadCard() {
    const file = h('input', { type: 'file', accept: 'image/*', required: true });
    const steps = h('input', { type: 'number', min: 10, max: 1000, step: 10, value: 200 });
    const bar = h('progress', { max: 1, value: 0, 'aria-label': 'Search', hidden: true });
    const said = h('p', { class: 'small soft', role: 'status' });
    const button = h('button', {}, 'Look for it');
    const problem = h('div');
    const original = h('img', { class: 'portrait', alt: 'The picture that is looked for', hidden: true });
    const look = async (event) => {
      event.preventDefault();
      problem.replaceChildren();
      button.disabled = true;
      bar.hidden = false;
      bar.value = 0;
      const [chosen] = file.files;
      original.src = URL.createObjectURL(chosen);
      original.hidden = false;
      const query = new URLSearchParams({ steps: steps.value });
      if (this.place.class !== undefined) query.set('class', this.place.class);
      try {
        const response = await fetch(this.address('project', query), { method: 'POST', headers: { 'content-type': chosen.type || 'application/octet-stream' }, body: chosen });
        if (!response.ok) throw new Refused(response.status, await response.json().catch(() => ({ error: response.status === 413 ? 'The picture is too large.' : '' })));
        for await (const line of lines(response.body)) {
          if (line.error) throw new Refused(422, line);
          if (line.done) {
            bar.value = line.done / line.of;
            said.textContent = `Update ${line.done} of ${line.of}, misfit ${figure(line.misfit)}`;
          }
          if (line.found !== undefined) {
            this.place.along.fill(0);
            this.sliders.forEach((one) => one.set(0));
            this.psi.set(1);
            this.move({ found: line.found, psi: 1 });
            said.textContent = 'Found: the picture above is what the generator makes of it. The sliders change it.';
          }
        }
      } catch (error) {
        fill(problem, trouble(error));
      }
      button.disabled = false;
      bar.hidden = true;
    };
    return h('section', { class: 'card pad stack', 'aria-label': 'Your picture' }, h('h2', {}, 'Look for your picture'),
      h('form', { class: 'stack', onsubmit: look }, field('Picture', file, 'It stays on this machine.'), field('Updates', steps), h('div', { class: 'actions' }, button)),
      bar, said, problem, original);
  }
}

function clamp(by) {
  return Math.max(-REACH, Math.min(REACH, Number(by.toFixed(2))));
}

function slider(label, min, max, step, value, moved) {
  const input = h('input', { type: 'range', id: fresh('slider'), min, max, step, oninput: () => { write(output, input.value); moved(Number(input.value)); } });
  input.value = value;
  const output = h('output', { for: input.id }, String(value));
  const set = (to) => { input.value = to; write(output, String(to)); };
  return { set, element: h('div', { class: 'slider' }, h('label', { for: input.id }, label), output, input) };
}

/** The lines of a stream, each as JSON. */
async function* lines(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split('\n');
    rest = parts.pop();
    for (const part of parts.filter(Boolean)) yield JSON.parse(part);
  }
}
