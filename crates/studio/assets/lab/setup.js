// What a game follows from: its form, and its address.
import { field, fill, fresh, h } from '../dom.js';
import { capital, plain } from '../numbers.js';
import { Painting } from './paint.js';
import { sketch } from './plane.js';

const whole = ['system', 'data', 'painted', 'seed', 'lesson'];

/** An address as a setup; nothing in it is believed, the server looks at all of it. */
export function fromAddress(query) {
  const setup = { system: query.get('system') || 'gan', data: query.get('data') || 'ring', seed: Number(query.get('seed')) || 0, settings: {} };
  if (setup.data === 'painted') setup.painted = query.get('painted') || '';
  for (const [key, value] of query) {
    if (!whole.includes(key)) setup.settings[key] = value;
  }
  return setup;
}

/** A setup as an address, with what differs from what a lab begins with. */
export function toAddress(setup, lesson) {
  const query = new URLSearchParams();
  if (lesson) query.set('lesson', lesson);
  query.set('system', setup.system);
  query.set('data', setup.data);
  if (setup.data === 'painted') query.set('painted', setup.painted || '');
  if (setup.seed) query.set('seed', setup.seed);
  for (const [key, value] of Object.entries(setup.settings)) query.set(key, value);
  return `#/lab?${query}`;
}

const text = (value) => (typeof value === 'string' ? value : JSON.stringify(value));

/** Settings that stand first, in the order of their groups. */
function groupOf(key) {
  const last = key.split('.').pop();
  if (key.includes('.')) return ['name', 'learning_rate'].includes(last) ? 'players' : 'more';
  if (['width', 'z_dim', 'batch'].includes(key)) return 'networks';
  return ['networks', 'average_decay', 'initial_gain', 'reference_batch', 'hidden_noise', 'noise'].includes(key) ? 'more' : 'game';
}

const names = {
  objective: 'loss', initial_gain: 'gain of first weights', average_decay: 'averaging of weights',   learning_rate: 'learning rate', name: 'optimiser', z_dim: 'noise dimensions', n_critic: 'critic steps per generator step', width: 'units per layer',
  batch: 'batch', penalty_weight: 'penalty weight', penalty_at: 'penalised', sided: 'penalty sided', c: 'soft margin C',
};

/** The form of a setup: `changed` is told of another one. */
export class Form {
  constructor(known, setup, changed) {
    this.known = known;
    this.setup = setup;
    this.changed = changed;
    this.data = h('fieldset', { class: 'choices' }, h('legend', {}, 'What it learns'));
    this.system = h('select', { onchange: () => this.choose(this.system.value) }, known.systems.map((one) => h('option', { value: one.id }, one.title)));
    this.idea = h('p', { class: 'small soft' });
    this.seed = h('input', { type: 'number', min: 0, max: 999999, step: 1, onchange: () => this.edit() });
    this.groups = Object.fromEntries(['players', 'game', 'networks', 'more'].map((name) => [name, h('div', { class: name === 'players' ? 'lab-players' : 'lab-fields' })]));
    this.reset = h('button', { type: 'button', class: 'quiet small', onclick: () => this.choose(this.system.value) }, 'Back to defaults');
    this.element = h('section', { class: 'card pad stack lab-setup', 'aria-label': 'The game' },
      this.data,
      h('div', {}, field('Objective', this.system), this.idea),
      this.groups.players, this.groups.game, this.groups.networks,
      h('details', { class: 'lab-more' }, h('summary', {}, 'More settings'), h('div', { class: 'stack' }, this.groups.more, field('Seed', this.seed, 'What all randomness follows from'))),
      this.reset);
    this.fillData();
    this.show(setup);
  }

  fillData() {
    const name = fresh('data');
    const option = (id, title, picture) => {
      const radio = h('input', { type: 'radio', name, value: id, class: 'unseen', onchange: () => this.pick(id) });
      return h('label', { class: 'choice', title }, radio, picture, h('span', {}, title));
    };
    const drawn = this.known.data.map((one) => {
      const canvas = h('canvas', { 'aria-hidden': 'true' });
      return [option(one.id, one.title, canvas), canvas, one];
    });
    this.sketches = drawn.map(([, canvas, one]) => [canvas, one]);
    const pencil = h('span', { class: 'pencil', 'aria-hidden': 'true' }, '✎');
    this.data.append(h('div', { class: 'choice-grid' }, drawn.map(([label]) => label), option('painted', 'Paint your own', pencil)));
    this.place = h('div');
    this.data.append(this.place);
    this.repaint = () => this.sketches.forEach(([canvas, one]) => sketch(canvas, one.points, one.reach));
    this.repaint();
    window.addEventListener('painted', this.repaint);
  }

  /** Shows another setup, without telling of it. */
  show(setup) {
    this.setup = setup;
    for (const radio of this.data.querySelectorAll('input[type="radio"]')) radio.checked = radio.value === setup.data;
    this.system.value = setup.system;
    this.seed.value = setup.seed;
    this.showPainting();
    this.showSettings();
  }

  showPainting() {
    if (this.setup.data !== 'painted') {
      this.painting?.close();
      this.painting = null;
      fill(this.place);
    } else if (!this.painting || this.painting.text() !== this.setup.painted) {
      this.painting?.close();
      this.painting = new Painting(this.known.painting, this.setup.painted, () => this.edit());
      fill(this.place, this.painting.element, h('p', { class: 'small soft' }, 'The stronger the colour, the likelier. The game begins anew after each stroke.'));
    }
  }

  showSettings() {
    const one = this.known.systems.find((known) => known.id === this.setup.system) || this.known.systems[0];
    this.idea.textContent = one.idea;
    this.inputs = new Map();
    Object.values(this.groups).forEach((group) => fill(group));
    // Another optimiser has other numbers, which the game in force has and the defaults have not.
    const inForce = this.inForce?.system === one.id ? this.inForce.settings : one.settings;
    for (const [key, value] of Object.entries(inForce)) this.addSetting(key, one.settings[key] ?? value, key in one.settings);
    this.reset.hidden = Object.keys(this.setup.settings).length === 0;
  }

  /** What is in force in the game that is played now. */
  ready(about) {
    const keys = (settings) => Object.keys(settings || {}).join();
    const isOther = keys(this.inForce?.settings) !== keys(about.settings);
    this.inForce = { system: about.system, settings: about.settings };
    if (!isOther) return;
    const active = this.element.contains(document.activeElement) ? document.activeElement : null;
    const [label, typed] = [active?.getAttribute('aria-label'), active?.value];
    // A field that goes while somebody types says that it has changed: that is not to be heard.
    this.isFilling = true;
    this.showSettings();
    for (const { input } of this.inputs.values()) {
      if (!label || input.getAttribute('aria-label') !== label) continue;
      input.focus();
      input.value = typed;
    }
    this.isFilling = false;
  }

  addSetting(key, preset, isDefault) {
    const parts = key.split('.');
    const last = parts.at(-1);
    const choices = this.known.choices.find(([name]) => name === last);
    const limit = this.known.limits.find(([name]) => name === key);
    let input;
    if (typeof preset === 'boolean') input = h('select', {}, ['true', 'false'].map((value) => h('option', { value }, value === 'true' ? 'yes' : 'no')));
    else if (choices) input = h('select', {}, choices[1].map((value) => h('option', { value }, value)));
    else if (limit) input = h('input', { type: 'number', step: 1, min: limit[1], max: limit[2] });
    else input = h('input', { type: 'text', inputmode: typeof preset === 'number' ? 'decimal' : 'text', autocomplete: 'off', spellcheck: 'false' });
    input.value = this.setup.settings[key] ?? text(preset);
    input.addEventListener('change', () => this.edit());
    const group = groupOf(key);
    const name = parts.length > 1 ? `${capital(parts[0])}: ${names[last] || plain(last)}` : capital(names[key] || plain(key));
    const shown = field(group === 'players' ? capital(names[last]) : name, input);
    input.setAttribute('aria-label', name);
    shown.classList.add('setting');
    shown.classList.toggle('changed', key in this.setup.settings);
    input.title = `default ${text(preset)}`;
    this.inputs.set(key, { input, preset: text(preset), isDefault });
    (group === 'players' ? this.player(parts[0]) : this.groups[group]).append(shown);
  }

  /** The place of a player's own settings. */
  player(name) {
    const known = this.groups.players.querySelector(`[data-player="${name}"]`);
    if (known) return known.lastChild;
    const place = h('fieldset', { 'data-player': name }, h('legend', {}, capital(plain(name))), h('div', { class: 'lab-fields' }));
    // The generator is the first of the two, whatever it is called beside.
    if (name === 'generator') this.groups.players.prepend(place);
    else this.groups.players.append(place);
    return place.lastChild;
  }

  pick(id) {
    this.setup = { ...this.setup, data: id };
    if (id !== 'painted') delete this.setup.painted;
    this.showPainting();
    this.edit();
  }

  choose(id) {
    this.setup = { ...this.setup, system: id, settings: {} };
    this.showSettings();
    this.edit();
  }

  edit() {
    if (this.isFilling) return;
    const settings = {};
    for (const [key, { input, preset, isDefault }] of this.inputs) {
      const [player, ...last] = key.split('.');
      const name = this.inputs.get(`${player}.name`);
      // The numbers of one optimiser are not those of another.
      const isExchanged = name && this.inForce?.system === this.setup.system && name.input.value !== this.inForce.settings[`${player}.name`];
      if (isExchanged && !['name', 'learning_rate'].includes(last.join('.'))) continue;
      const value = input.value.trim();
      if (value !== preset || (!isDefault && key in this.setup.settings)) settings[key] = value;
    }
    this.setup = { ...this.setup, system: this.system.value, seed: Number(this.seed.value) || 0, settings };
    if (this.painting) this.setup.painted = this.painting.text();
    for (const [key, { input }] of this.inputs) input.closest('.setting').classList.toggle('changed', key in settings);
    this.reset.hidden = Object.keys(settings).length === 0;
    if (this.setup.data === 'painted' && this.painting.isEmpty) return;
    this.changed(this.setup);
  }

  close() {
    this.painting?.close();
    window.removeEventListener('painted', this.repaint);
  }
}
