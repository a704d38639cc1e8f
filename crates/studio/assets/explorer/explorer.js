// What a trained generator has learnt: samples, directions, units, a map, films, mixed styles, paint, and pictures of one's own.
import { empty, field, fill, h, trouble, waiting, write } from '../dom.js';
import { ask, of } from '../ask.js';
import { count, stateName } from '../numbers.js';
import { Brush } from './brush.js';
import { slider } from './controls.js';
import { filmCard } from './film.js';
import { mapCard } from './map.js';
import { mixCard } from './mix.js';
import { searchCard } from './search.js';
import { translateCard } from './translate.js';
import { unitsCard } from './units.js';
import { REACH, Walk } from './walk.js';

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
    const is = `${about.title} at step ${count(about.step)}`;
    const said = place.querySelector('.head p');
    if (about.why_not) {
      write(said, `${is}: it makes pictures of pictures, not of random numbers.`);
      const address = (what, query) => `${of(name, 'generator', what)}?${query}`;
      fill(body, translateCard(name, address, about.translations));
      return;
    }
    write(said, `${is}: ${about.floats} numbers${about.layers > 1 ? ` for each of ${about.layers} layers` : ''} make a picture.`);
    fill(body, view(new Walk(name, about)));
  }, (error) => fill(body, trouble(error)));
}

/** Everything that can be done on a walk. */
function view(walk) {
  const { about, place } = walk;
  const seed = h('input', { type: 'number', min: 0, step: 1, value: 0, oninput: () => walk.move({ seed: Number(seed.value) || 0, found: undefined }) });
  const number = h('input', { type: 'number', min: 0, step: 1, value: 0, oninput: () => walk.move({ number: Number(number.value) || 0, found: undefined }) });
  const psi = slider('Truncation', -1, 1.5, 0.05, 1, (to) => walk.move({ psi: to }));
  const sliders = place.along.map((_, i) => slider(`Direction ${i + 1}, ${(about.directions[i] * 100).toFixed(1)} %`, -REACH, REACH, 0.1, 0, (by) => {
    place.along[i] = by;
    walk.move({});
  }));
  const classes = about.classes && h('select', { onchange: (event) => walk.move({ class: Number(event.target.value) }) }, about.classes.map((label, i) => h('option', { value: i }, label)));
  // Whatever has moved us, the controls stand where we are.
  walk.watch(() => {
    sliders.forEach((one, i) => one.set(place.along[i]));
    psi.set(place.psi);
  });
  const reset = () => {
    place.along.fill(0);
    walk.move({ psi: 1, found: undefined });
  };
  const another = () => {
    walk.another();
    number.value = place.number;
  };
  const brush = about.is_paintable && new Brush(walk);
  const map = place.along.length > 1 && mapCard(walk, () => walk.move({}));
  const element = h('div', { class: 'explorer' },
    h('div', { class: 'stack' },
      h('section', { class: 'card pad stack', 'aria-label': 'Where you are' }, walk.easel,
        h('div', { class: 'actions' },
          h('button', { type: 'button', class: 'primary', onclick: another }, 'Another'),
          h('button', { type: 'button', onclick: reset }, 'Back to the sample'), brush && brush.isOn, walk.download),
        brush && brush.tools,
        walk.time, walk.problem,
        h('div', { class: 'fields close' }, field('Seed', seed), field('Number', number), classes && field('Class', classes)), psi.element)),
    h('div', { class: 'stack' },
      sliders.length > 0 && h('section', { class: 'card pad whole', 'aria-label': 'Directions' },
        h('div', { class: 'card-head' }, h('h2', {}, 'Principal directions'), h('span', { class: 'small soft' }, 'in deviations; the share is of all variance')),
        h('div', { class: 'sliders' }, sliders.map((one) => one.element))),
      about.units.length > 0 && unitsCard(walk),
      map && map.element,
      filmCard(walk),
      searchCard(walk),
      about.layers > 1 && mixCard(walk),
      about.translations.length > 0 && translateCard(walk.run, (what, query) => walk.address(what, query), about.translations)));
  walk.show().then(() => map && map.draw());
  return element;
}
