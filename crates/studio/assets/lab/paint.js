// Painting a density: a square of cells with levels from 0 to 15, by pointer or by keys.
import { h, say } from '../dom.js';

const FULL = 15;
const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** Cells as a text that fits into an address: a byte for each run of up to 16 equal cells, in URL-safe base64. */
export function write(cells) {
  const bytes = [];
  for (let at = 0; at < cells.length;) {
    let run = 1;
    while (run < 16 && at + run < cells.length && cells[at + run] === cells[at]) run += 1;
    bytes.push((cells[at] << 4) | (run - 1));
    at += run;
  }
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** What `write` has written; nothing is painted where it is something else. */
export function read(text, count) {
  const cells = new Uint8Array(count);
  if ([...text].some((letter) => !letters.includes(letter)) || text.length % 4 === 1) return cells;
  const bytes = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  let at = 0;
  for (const byte of bytes) {
    const [level, run] = [byte.charCodeAt(0) >> 4, (byte.charCodeAt(0) & 15) + 1];
    cells.fill(level, at, Math.min(at + run, count));
    at += run;
  }
  return cells;
}

/** A painting: its element, and what is told of every change once a stroke is done. */
export class Painting {
  constructor({ side }, text, changed) {
    this.side = side;
    this.cells = read(text || '', side * side);
    this.changed = changed;
    this.cursor = [side / 2, side / 2];
    this.canvas = h('canvas', {
      class: 'painting', width: side * 8, height: side * 8, tabindex: '0', role: 'application',
      'aria-label': 'Painting: drag to paint. Arrow keys move the brush, space paints, backspace wipes.',
      onpointerdown: (event) => this.begin(event),
      onpointermove: (event) => this.stroke(event),
      onpointerup: () => this.end(),
      onpointercancel: () => this.end(),
      onkeydown: (event) => this.key(event),
      onfocus: () => this.draw(),
      onblur: () => this.draw(),
    });
    this.wipes = h('input', { type: 'checkbox' });
    this.size = h('input', { type: 'range', min: 1, max: 4, step: 0.5, value: 2, 'aria-label': 'Size of the brush' });
    this.element = h('div', { class: 'paint' }, this.canvas,
      h('div', { class: 'paint-tools' },
        h('label', { class: 'small' }, 'Brush', this.size),
        h('label', { class: 'check small' }, this.wipes, 'Wipe'),
        h('button', { type: 'button', class: 'small', onclick: () => this.clear() }, 'Clear')));
    this.repaint = () => this.draw();
    window.addEventListener('painted', this.repaint);
    this.draw();
  }

  get isEmpty() {
    return this.cells.every((level) => level === 0);
  }

  text() {
    return write(this.cells);
  }

  cell(event) {
    const box = this.canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * this.side, ((event.clientY - box.top) / box.height) * this.side];
  }

  begin(event) {
    event.preventDefault();
    this.canvas.setPointerCapture(event.pointerId);
    this.canvas.focus({ preventScroll: true });
    this.isDown = true;
    this.last = null;
    this.stroke(event);
  }

  stroke(event) {
    if (!this.isDown) return;
    const to = this.cell(event);
    const from = this.last || to;
    const steps = Math.ceil(Math.hypot(to[0] - from[0], to[1] - from[1]) * 2) || 1;
    for (let i = 1; i <= steps; i += 1) this.dab(from[0] + ((to[0] - from[0]) * i) / steps, from[1] + ((to[1] - from[1]) * i) / steps, 0.45);
    this.last = to;
    this.cursor = to.map((at) => Math.min(Math.max(Math.floor(at), 0), this.side - 1));
    this.draw();
  }

  end() {
    if (!this.isDown) return;
    this.isDown = false;
    this.changed();
  }

  /** Darkens, or wipes, around a place. */
  dab(x, y, strength) {
    const radius = Number(this.size.value);
    for (let row = Math.max(Math.floor(y - radius), 0); row <= Math.min(y + radius, this.side - 1); row += 1) {
      for (let column = Math.max(Math.floor(x - radius), 0); column <= Math.min(x + radius, this.side - 1); column += 1) {
        const far = Math.hypot(column + 0.5 - x, row + 0.5 - y) / radius;
        if (far > 1) continue;
        const at = row * this.side + column;
        const by = this.wipes.checked ? -FULL : Math.ceil(strength * FULL * (1 - far * far));
        this.cells[at] = Math.min(Math.max(this.cells[at] + by, 0), FULL);
      }
    }
  }

  key(event) {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const move = moves[event.key];
    if (move) {
      this.cursor = this.cursor.map((at, axis) => Math.min(Math.max(at + move[axis], 0), this.side - 1));
    } else if (event.key === ' ' || event.key === 'Enter' || event.key === 'Backspace') {
      const wiped = this.wipes.checked;
      this.wipes.checked = wiped || event.key === 'Backspace';
      this.dab(this.cursor[0] + 0.5, this.cursor[1] + 0.5, 1);
      this.wipes.checked = wiped;
      this.changed();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    this.draw();
  }

  clear() {
    this.cells.fill(0);
    this.draw();
    this.changed();
    say('The painting is empty.');
  }

  draw() {
    const context = this.canvas.getContext('2d');
    const style = getComputedStyle(document.documentElement);
    const unit = this.canvas.width / this.side;
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.fillStyle = style.getPropertyValue('--curve-3').trim();
    this.cells.forEach((level, at) => {
      if (level === 0) return;
      context.globalAlpha = 0.12 + (0.88 * level) / FULL;
      context.fillRect((at % this.side) * unit, Math.floor(at / this.side) * unit, unit, unit);
    });
    context.globalAlpha = 1;
    if (document.activeElement === this.canvas && !this.isDown) {
      context.strokeStyle = style.getPropertyValue('--ink').trim();
      context.lineWidth = 2;
      context.strokeRect(this.cursor[0] * unit - 1, this.cursor[1] * unit - 1, unit + 2, unit + 2);
    }
  }

  close() {
    window.removeEventListener('painted', this.repaint);
  }
}
