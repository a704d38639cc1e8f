// A sample looked at closely: large, beside the training pictures that are nearest to it.
import { dialog, fill, fresh, h, say, trouble, write } from './dom.js';
import { ask, of } from './ask.js';
import { count } from './numbers.js';

/** Nearer than this share of the usual distance, a sample is taken for a copy, as the doctor does. */
const COPY = 0.6;

/** Lies over a sample grid: a place is chosen by pointer or arrows, and looked at closely. */
export class Loupe {
  constructor(run, image, step) {
    this.run = run;
    this.image = image;
    this.step = step;
    this.at = 0;
    this.frame = h('span', { class: 'loupe-frame', 'aria-hidden': 'true' });
    this.element = h('button', {
      type: 'button', class: 'loupe', hidden: true,
      onpointermove: (event) => this.point(event), onclick: (event) => this.choose(event), onkeydown: (event) => this.move(event),
    }, this.frame);
    this.help = h('p', { class: 'small soft', id: fresh('loupe'), hidden: true }, 'Choose a sample to see the training pictures nearest to it.');
    this.element.setAttribute('aria-describedby', this.help.id);
  }

  about(grid) {
    this.grid = grid;
    this.lay();
  }

  /** Finds where the pictures of the grid lie. */
  lay() {
    const { naturalWidth: width, naturalHeight: height } = this.image;
    const { pitch, gutter } = this.grid || {};
    const [rows, columns] = pitch ? [(height - gutter) / pitch[0], (width - gutter) / pitch[1]] : [0, 0];
    const fits = width > 0 && Number.isInteger(rows) && Number.isInteger(columns) && rows > 0 && columns > 0;
    this.element.hidden = !fits;
    this.help.hidden = !fits;
    if (!fits) return;
    Object.assign(this, { rows, columns });
    this.show(Math.min(this.at, rows * columns - 1));
  }

  show(at) {
    this.at = at;
    const [row, column] = [Math.floor(at / this.columns), at % this.columns];
    const { pitch, gutter } = this.grid;
    const [height, width] = [this.image.naturalHeight, this.image.naturalWidth];
    const { style } = this.frame;
    style.left = `${((column * pitch[1] + gutter / 2) / width) * 100}%`;
    style.top = `${((row * pitch[0] + gutter / 2) / height) * 100}%`;
    style.width = `${(pitch[1] / width) * 100}%`;
    style.height = `${(pitch[0] / height) * 100}%`;
    this.element.setAttribute('aria-label', `Sample ${at + 1} of ${this.rows * this.columns}, row ${row + 1}, column ${column + 1}: look closely`);
  }

  point(event) {
    const { left, top, width, height } = this.element.getBoundingClientRect();
    const place = (share, number) => Math.max(0, Math.min(number - 1, Math.floor(share * number)));
    const row = place((event.clientY - top) / height, this.rows);
    const column = place((event.clientX - left) / width, this.columns);
    this.show(row * this.columns + column);
  }

  move(event) {
    const [row, column] = [Math.floor(this.at / this.columns), this.at % this.columns];
    const to = {
      ArrowLeft: [row, column - 1], ArrowRight: [row, column + 1], ArrowUp: [row - 1, column], ArrowDown: [row + 1, column],
      Home: [row, 0], End: [row, this.columns - 1],
    }[event.key];
    if (!to) return;
    event.preventDefault();
    const within = (value, number) => Math.max(0, Math.min(number - 1, value));
    this.show(within(to[0], this.rows) * this.columns + within(to[1], this.columns));
    say(`Row ${Math.floor(this.at / this.columns) + 1}, column ${(this.at % this.columns) + 1}.`);
  }

  choose(event) {
    // A press of Enter has no place of its own.
    if (event.detail > 0) this.point(event);
    look(this.run, this.step(), this.at, this.rows * this.columns);
  }
}

/** A dialog with a sample and its neighbours; the arrows beside its name lead to the other samples of the grid. */
function look(run, step, first, places) {
  let at = first;
  let asked = 0;
  const name = h('p', { class: 'soft' });
  const sample = h('img', { class: 'portrait' });
  const found = h('div', { class: 'stack' });
  const go = (by) => () => show((at + by + places) % places);
  const back = h('button', { type: 'button', class: 'square', 'aria-label': 'The sample before', onclick: go(-1) }, '‹');
  const on = h('button', { type: 'button', class: 'square', 'aria-label': 'The next sample', onclick: go(1) }, '›');
  const closed = dialog('A sample and what it is near to', [
    h('div', { class: 'row actions lookalike-head' }, back, on, name),
    h('div', { class: 'lookalikes' }, h('figure', {}, sample, h('figcaption', { class: 'small soft' }, 'The sample')), found),
    h('form', { method: 'dialog', class: 'actions' }, h('button', {}, 'Close')),
  ]);
  document.querySelector('dialog[open]').classList.add('wide-dialog');

  async function show(place) {
    at = place;
    asked += 1;
    const mine = asked;
    write(name, `Sample ${at + 1} of ${places}, after step ${count(step)}`);
    sample.src = of(run, 'samples', step, at);
    sample.alt = `Sample ${at + 1}, large`;
    fill(found, h('p', { class: 'soft', role: 'status' }, 'Looking through the training pictures… The first time takes some seconds.'));
    try {
      const said = await ask(of(run, 'samples', step, at, 'nearest'));
      if (mine !== asked) return;
      fill(found, neighbours(run, said));
      say(verdict(said));
    } catch (error) {
      if (mine === asked) fill(found, trouble(error));
    }
  }

  show(first);
  return closed;
}

function verdict({ nearest, usual }) {
  const [first] = nearest;
  if (!first) return 'There are no training pictures to compare it with.';
  if (first.distance < 3) return 'As good as the same: the sample repeats a training picture.';
  if (!usual) return 'How near the training pictures lie to each other is not known, so nothing follows from the distance.';
  const share = first.distance / usual;
  if (share < COPY) return 'Much nearer to a training picture than these lie to each other: it may be a copy.';
  if (share < 1) return 'Somewhat nearer to a training picture than these lie to each other: a likeness, hardly a copy.';
  return 'No copy, pixel by pixel: training pictures usually lie nearer to each other.';
}

function neighbours(run, said) {
  const { nearest, usual, searched, of: all, data } = said;
  const whole = all !== null && all !== undefined && searched >= all;
  return [
    h('p', { class: 'lookalike-verdict' }, verdict(said)),
    scale(nearest.map((one) => one.distance), usual),
    h('ol', { class: 'lookalike-list' }, nearest.map((one, i) => h('li', {},
      h('img', { src: of(run, 'examples', one.number), alt: `Training picture ${one.number}${one.class ? `, ${one.class}` : ''}` }),
      h('b', {}, one.distance.toFixed(1)),
      h('span', { class: 'small soft' }, [i === 0 && 'nearest', one.class, one.name || `no.\u00a0${count(one.number)}`].filter(Boolean).join(' · '))))),
    h('p', { class: 'small soft' },
      `Searched ${whole ? `all ${count(searched)}` : `${count(searched)}${all ? ` of ${count(all)}` : ''}`} pictures of ${data}. `,
      'Distances are the root of the mean squared difference of pixels, in levels from 0 to 255; a saved sample differs from what was made by up to 2.5, its watermark. ',
      usual && `The usual distance, ${usual.toFixed(1)}, is the median from a training picture to the nearest other one. `,
      'A copy that is shifted or mirrored is not found.'),
  ];
}

/** The distances on a line, with the usual one marked. */
function scale(distances, usual) {
  const end = Math.max(...distances, usual || 0) * 1.08 || 1;
  const place = (element, distance) => {
    element.style.left = `${(distance / end) * 100}%`;
    return element;
  };
  const words = `The distances are ${distances.map((one) => one.toFixed(1)).join(', ')}${usual ? `; usual is ${usual.toFixed(1)}` : ''}.`;
  return h('div', { class: 'lookalike-scale', role: 'img', 'aria-label': words },
    h('span', { class: 'lookalike-zero' }, '0: the same'),
    usual ? place(h('span', { class: 'lookalike-usual' }, h('span', { class: usual / end > 0.6 ? 'before' : '' }, `usual ${usual.toFixed(1)}`)), usual) : null,
    distances.map((one) => place(h('span', { class: 'lookalike-dot' }), one)));
}
