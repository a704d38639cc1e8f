// Edit by brush: what is painted on the picture becomes part of it.
import { fill, h, say, trouble, write } from '../dom.js';
import { fetched, lines, slider } from './controls.js';

/** Updates of one search. */
const STEPS = 48;
/** Milliseconds from one look at a stroke that goes on to the next. */
const LOOK = 250;

/** A brush over the picture of a walk: `element` are its tools. */
export class Brush {
  constructor(walk) {
    this.walk = walk;
    const [height, width, channels] = walk.about.picture;
    this.isGrey = channels === 1;
    this.size = Math.max(1, Math.round(Math.max(width, height) / 10));
    this.near = 1;
    this.undone = [];
    this.cursor = [width / 2, height / 2];
    this.canvas = h('canvas', {
      class: 'paint-layer', width, height, tabindex: '0', role: 'application', hidden: true,
      'aria-label': 'Paint on the picture: drag to paint. Arrow keys move the brush, space paints, brackets change its size, Z undoes.',
      onpointerdown: (event) => this.begin(event),
      onpointermove: (event) => this.stroke(event),
      onpointerup: () => this.end(),
      onpointercancel: () => this.end(),
      onpointerleave: () => { this.ring.hidden = true; },
      onkeydown: (event) => this.key(event),
      onfocus: () => this.place(),
      onblur: () => { this.ring.hidden = true; },
    });
    this.context = this.canvas.getContext('2d', { willReadFrequently: true });
    this.ring = h('div', { class: 'brush-ring', hidden: true, 'aria-hidden': 'true' });
    walk.easel.append(this.canvas, this.ring);

    this.colour = h('input', { type: 'color', value: '#d92d20', 'aria-label': 'Colour of the brush' });
    this.grey = slider('Brightness of the brush', 0, 255, 1, 255, () => {}, (level) => `${Math.round(level / 2.55)} %`);
    this.width = slider('Size of the brush', 1, Math.max(2, Math.round(Math.max(width, height) / 3)), 1, this.size, (size) => { this.size = size; this.place(); }, (size) => `${size} px`);
    this.stay = slider('Stay near', 0, 5, 0.1, this.near, (near) => { this.near = near; });
    this.isOn = h('button', { type: 'button', 'aria-pressed': 'false', onclick: () => this.turn() }, 'Paint');
    this.pick = h('button', { type: 'button', 'aria-pressed': 'false', onclick: () => this.picking(!this.isPicking) }, 'Take a colour');
    this.undo = h('button', { type: 'button', disabled: true, onclick: () => this.back() }, 'Undo');
    this.clear = h('button', { type: 'button', disabled: true, onclick: () => { this.forget(); say('The paint is gone, the picture stays.'); } }, 'Clear');
    this.seen = h('input', { type: 'checkbox', onchange: () => this.canvas.classList.toggle('seen', this.seen.checked) });
    this.bar = h('progress', { max: 1, value: 0, 'aria-label': 'The paint is taken in', hidden: true });
    this.said = h('p', { class: 'small soft', role: 'status' });
    this.problem = h('div');
    this.tools = h('div', { class: 'stack tight', hidden: true },
      h('div', { class: 'actions' }, !this.isGrey && this.colour, this.pick, this.undo, this.clear),
      h('div', { class: 'sliders' }, this.isGrey && this.grey.element, this.width.element, this.stay.element),
      h('label', { class: 'check small' }, this.seen, 'Show the paint'),
      this.bar, this.said, this.problem);
    walk.watch((why) => why === 'moved' && !this.isMoving && this.forget(true));
  }

  turn(on = this.canvas.hidden) {
    this.canvas.hidden = !on;
    this.tools.hidden = !on;
    this.isOn.setAttribute('aria-pressed', String(on));
    this.ring.hidden = true;
    if (on) write(this.said, 'Paint on the picture: it becomes what the generator can make of it.');
    else this.stop();
    say(on ? 'You can paint on the picture.' : 'The brush is put away.');
  }

  picking(is) {
    this.isPicking = is;
    this.pick.setAttribute('aria-pressed', String(is));
    if (is) say('Choose a place of the picture to take its colour.');
  }

  /** Where a pointer is, in pixels of the picture. */
  at(event) {
    const box = this.canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width * this.canvas.width, (event.clientY - box.top) / box.height * this.canvas.height];
  }

  /** Shows where the brush is. */
  place() {
    const { ring, canvas: { width, height }, cursor: [x, y], size } = this;
    ring.hidden = this.canvas.hidden;
    ring.style.left = `${100 * (x - size / 2) / width}%`;
    ring.style.top = `${100 * (y - size / 2) / height}%`;
    ring.style.width = `${100 * size / width}%`;
    ring.style.height = `${100 * size / height}%`;
  }

  begin(event) {
    if (event.button !== 0) return;
    this.cursor = this.at(event);
    if (this.isPicking) {
      this.take(this.cursor);
      return;
    }
    event.preventDefault();
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    this.remember();
    this.isDrawing = true;
    this.sentAt = performance.now();
    this.canvas.classList.add('drawing');
    this.line(this.cursor, this.cursor);
  }

  stroke(event) {
    const to = this.at(event);
    if (this.isDrawing) {
      this.line(this.cursor, to);
      // The picture follows the brush.
      if (!this.search && performance.now() - this.sentAt > LOOK) this.send();
    }
    this.cursor = to;
    this.place();
  }

  end() {
    if (!this.isDrawing) return;
    this.isDrawing = false;
    this.canvas.classList.remove('drawing');
    this.send();
  }

  key(event) {
    const step = event.shiftKey ? Math.max(1, this.size) : 1;
    const ways = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    const { canvas: { width, height } } = this;
    if (ways[event.key]) {
      this.cursor = this.cursor.map((at, i) => Math.max(0, Math.min([width, height][i], at + ways[event.key][i])));
    } else if (event.key === ' ' || event.key === 'Enter') {
      if (this.isPicking) this.take(this.cursor);
      else {
        this.remember();
        this.line(this.cursor, this.cursor);
        this.send();
      }
    } else if (event.key === '[' || event.key === ']') {
      this.size = Math.max(1, this.size + (event.key === '[' ? -1 : 1));
      this.width.set(this.size);
    } else if (event.key === 'z' || event.key === 'Z') this.back();
    else return;
    event.preventDefault();
    this.place();
  }

  line([x, y], [to, down]) {
    const { context } = this;
    const level = Number(this.grey.input.value);
    context.strokeStyle = this.isGrey ? `rgb(${level} ${level} ${level})` : this.colour.value;
    context.lineWidth = this.size;
    context.lineCap = 'round';
    context.beginPath();
    context.moveTo(x, y);
    // A line of no length is drawn by no browser.
    context.lineTo(to + 0.01, down);
    context.stroke();
    this.clear.disabled = false;
  }

  /** Takes the colour of a place of the picture. */
  take([x, y]) {
    const { width, height } = this.canvas;
    const copy = h('canvas', { width, height });
    const context = copy.getContext('2d');
    context.drawImage(this.walk.portrait, 0, 0, width, height);
    const [red, green, blue] = context.getImageData(Math.min(width - 1, Math.floor(x)), Math.min(height - 1, Math.floor(y)), 1, 1).data;
    this.colour.value = `#${[red, green, blue].map((level) => level.toString(16).padStart(2, '0')).join('')}`;
    this.grey.set(Math.round((red + green + blue) / 3));
    this.picking(false);
    say(this.isGrey ? 'The brush has the brightness of that place.' : `The brush is ${this.colour.value} now.`);
  }

  remember() {
    const { place } = this.walk;
    const { width, height } = this.canvas;
    this.stop();
    this.undone.push({ place: { ...place, along: [...place.along] }, kept: this.kept, paint: this.context.getImageData(0, 0, width, height), has: !this.clear.disabled });
    if (this.undone.length > 50) this.undone.shift();
    this.undo.disabled = false;
  }

  /** Takes the last stroke back. */
  back() {
    const last = this.undone.pop();
    if (!last) return;
    this.stop();
    this.kept = last.kept;
    this.context.putImageData(last.paint, 0, 0);
    this.clear.disabled = !last.has;
    this.undo.disabled = this.undone.length === 0;
    write(this.said, 'The last stroke is taken back.');
    this.isMoving = true;
    // What was undone may have had no code that was found.
    this.walk.move({ found: undefined, ...last.place });
    this.isMoving = false;
  }

  /** Forgets what was painted; with its history where somebody has gone elsewhere. */
  forget(isElsewhere = false) {
    this.stop();
    this.kept = undefined;
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.clear.disabled = true;
    if (isElsewhere) {
      this.undone = [];
      this.undo.disabled = true;
    }
  }

  /** Ends a search that is under way. */
  stop() {
    if (this.search) this.search.abort();
    this.search = undefined;
    this.bar.hidden = true;
    this.canvas.classList.remove('working');
  }

  /** Sends the paint, and shows what becomes of the picture. */
  async send() {
    this.stop();
    const search = new AbortController();
    this.search = search;
    const isOver = () => this.search !== search;
    this.problem.replaceChildren();
    this.bar.value = 0;
    this.bar.hidden = false;
    this.canvas.classList.add('working');
    const begun = performance.now();
    this.sentAt = begun;
    try {
      const paint = await new Promise((resolve) => { this.canvas.toBlob(resolve, 'image/png'); });
      const query = this.walk.query({ near: this.near, steps: STEPS, kept: this.kept });
      const response = await fetched(this.walk.address('paint', query), { method: 'POST', headers: { 'content-type': 'image/png' }, body: paint, signal: search.signal });
      for await (const line of lines(response.body)) {
        if (isOver()) return;
        if (line.error) throw Object.assign(new Error(line.error), { hint: line.hint });
        if (line.kept !== undefined) this.kept = line.kept;
        if (line.picture) {
          this.bar.value = line.done / line.of;
          this.walk.portrait.src = `data:image/png;base64,${line.picture}`;
        }
        if (line.found !== undefined) {
          this.stop();
          await this.walk.arrive(line.found);
          if (this.isDrawing) return;
          const seconds = ((performance.now() - begun) / 1000).toFixed(1);
          write(this.said, `Taken in after ${seconds} s. Less of “Stay near” comes closer to the paint.`);
          say('The paint is part of the picture.');
        }
      }
    } catch (error) {
      if (error.name === 'AbortError' || isOver()) return;
      this.stop();
      fill(this.problem, trouble(error));
    }
  }
}
