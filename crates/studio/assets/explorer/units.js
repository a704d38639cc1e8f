// The units of a layer: which respond in the picture, where, and what the picture is without them.
import { empty, field, fill, fresh, h, say, trouble, write } from '../dom.js';
import { ask } from '../ask.js';
import { count as counted } from '../numbers.js';
import { slider } from './controls.js';
import { bytes, draw, legend } from './heat.js';

/** Units that are shown at a time. */
const SHOWN = 12;
const SIDE = 128;
const FACTORS = [[0, 'Off'], [1, 'As is'], [2, '×2'], [4, '×4']];

export function unitsCard(walk) {
  return new Units(walk).element;
}

class Units {
  constructor(walk) {
    this.walk = walk;
    this.layers = walk.about.units;
    this.first = 0;
    this.cover = 0.6;
    walk.place.layer = this.layers[Math.floor(this.layers.length / 2)].name;
    const options = this.layers.map(({ name, extents: [rows, columns, units] }) => h('option', { value: name }, `${name}: ${counted(units)} units of ${columns} × ${rows}`));
    this.layer = h('select', { onchange: () => this.change() }, options);
    this.layer.value = walk.place.layer;
    this.covering = slider('Maps over the picture', 0, 1, 0.05, this.cover, (cover) => { this.cover = cover; this.paint(); }, (cover) => `${Math.round(100 * cover)} %`);
    this.list = h('div', { class: 'units' });
    this.problem = h('div');
    this.changed = h('p', { class: 'small soft', role: 'status' });
    this.all = h('button', { type: 'button', disabled: true, onclick: () => this.restore() }, 'All as they are');
    this.stronger = h('button', { type: 'button', disabled: true, onclick: () => this.turn(-SHOWN) }, 'Stronger units');
    this.weaker = h('button', { type: 'button', onclick: () => this.turn(SHOWN) }, 'Weaker units');
    const scale = h('canvas', { class: 'scale', role: 'img', 'aria-label': 'Colours of the maps, from dark violet to yellow' });
    legend(scale);
    this.inside = h('div', { class: 'inside stack units-room' },
      h('p', { class: 'small soft' }, 'A unit is one map of a layer. Bright is where it responds most in this picture. Turn it off and see what it made.'),
      h('div', { class: 'fields' }, field('Layer', this.layer), this.covering.element),
      h('div', { class: 'legend small soft' }, h('span', {}, 'least'), scale, h('span', {}, 'most that the unit says here')),
      this.problem, this.list,
      h('div', { class: 'actions' }, this.stronger, this.weaker, this.all), this.changed);
    this.element = h('details', { class: 'card whole', ontoggle: () => this.element.open && this.load() }, h('summary', {}, 'Units of the generator'), this.inside);
    walk.watch((why) => why === 'shown' && this.element.open && this.later());
  }

  /** Looks again once nothing has moved for a moment. */
  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.load(), 150);
  }

  change() {
    const had = this.walk.place.units.size > 0;
    this.walk.place.layer = this.layer.value;
    this.walk.place.units.clear();
    this.first = 0;
    if (had) this.walk.show();
    this.load();
  }

  turn(by) {
    this.first = Math.max(0, this.first + by);
    this.load();
  }

  restore() {
    this.walk.place.units.clear();
    this.walk.show();
    say('All units are as they are.');
  }

  async load() {
    const { walk } = this;
    const asked = {};
    this.asked = asked;
    this.list.setAttribute('aria-busy', 'true');
    const query = walk.query({ layer: undefined });
    query.set('layer', walk.place.layer);
    query.set('first', this.first);
    query.set('count', SHOWN);
    try {
      const told = await ask(walk.address('units', query));
      if (this.asked !== asked) return;
      this.problem.replaceChildren();
      this.show(told);
    } catch (error) {
      if (this.asked === asked) fill(this.problem, trouble(error));
    }
    this.list.removeAttribute('aria-busy');
  }

  show({ extents: [, , all], sides, units }) {
    this.sides = sides;
    const same = this.shown && this.shown.length === units.length && this.shown.every((one, i) => one.unit.number === units[i].number);
    if (same) this.shown.forEach((one, i) => { one.unit = units[i]; one.map = bytes(units[i].map); });
    else {
      this.shown = units.map((unit) => this.figure(unit));
      fill(this.list, this.shown.length > 0 ? this.shown.map((one) => one.element) : empty('No more units', 'The layer has no weaker ones.'));
    }
    this.stronger.disabled = this.first === 0;
    this.weaker.disabled = this.first + SHOWN >= all;
    this.paint();
    this.tell();
  }

  figure(unit) {
    const [height, width] = this.sides;
    const scale = SIDE / Math.max(height, width);
    const canvas = h('canvas', { width: Math.round(width * scale), height: Math.round(height * scale), role: 'img' });
    const name = fresh('unit');
    const choices = FACTORS.map(([factor, label]) => {
      const input = h('input', { type: 'radio', name, value: factor, class: 'unseen', onchange: () => this.set(one.unit.number, factor, label) });
      return { factor, input, element: h('label', {}, input, h('span', {}, label)) };
    });
    const range = h('span', { class: 'soft' });
    const one = { unit, map: bytes(unit.map), canvas, choices, range };
    one.element = h('fieldset', { class: 'unit' }, h('legend', {}, `Unit ${unit.number}`), canvas, range, h('div', { class: 'switch' }, choices.map((choice) => choice.element)));
    return one;
  }

  set(number, factor, label) {
    const { units } = this.walk.place;
    if (factor === 1) units.delete(number);
    else units.set(number, factor);
    this.tell();
    say(`Unit ${number}: ${label}`);
    this.walk.show();
  }

  /** Draws the maps over the picture as it is shown. */
  paint() {
    const { portrait } = this.walk;
    if (!portrait.complete || !this.shown) return;
    for (const { unit, map, canvas, range } of this.shown) {
      draw(canvas, portrait, map, this.sides, this.cover);
      const [least, most] = unit.range.map((value) => (Math.abs(value) < 1e-3 ? '0' : value.toPrecision(3).replace('-', '−')));
      canvas.setAttribute('aria-label', `Where unit ${unit.number} responds, from ${least} to ${most}`);
      write(range, `${least} to ${most}`);
    }
  }

  tell() {
    const { units } = this.walk.place;
    for (const { unit, choices } of this.shown || []) {
      const factor = units.get(unit.number) ?? 1;
      choices.forEach((choice) => { choice.input.checked = choice.factor === factor; });
    }
    this.all.disabled = units.size === 0;
    const named = [...units].map(([number, factor]) => `unit ${number} ${factor === 0 ? 'off' : `×${factor}`}`);
    write(this.changed, named.length > 0 ? `Changed: ${named.join(', ')}. The map, films and the brush go without these changes.` : '');
  }
}
