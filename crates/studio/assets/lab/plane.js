// The plane: the judge's field, the sheet of the generator, points and arrows, drawn anew for every frame of the screen.

const LONGEST = 1400;
const colourNames = { real: '--curve-3', fake: '--curve-4', ink: '--ink', soft: '--soft', card: '--card', line: '--line', more: '--curve-3', less: '--curve-2' };

/** `#rrggbb` as three numbers. */
function parts(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

function between(from, to, share) {
  const mixed = new Float32Array(from.length);
  for (let i = 0; i < from.length; i += 1) mixed[i] = from[i] + (to[i] - from[i]) * share;
  return mixed;
}

/** Slow, fast, slow. */
function eased(share) {
  return share * share * (3 - 2 * share);
}

/** Circles are real, diamonds generated. */
function mark(path, kind, x, y, size) {
  if (kind === 'real') {
    path.moveTo(x + size, y);
    path.arc(x, y, size, 0, 7);
    return;
  }
  const long = size * 1.25;
  path.moveTo(x, y - long);
  path.lineTo(x + long, y);
  path.lineTo(x, y + long);
  path.lineTo(x - long, y);
  path.closePath();
}

export class Plane {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext('2d');
    this.ground = document.createElement('canvas');
    this.layers = { field: true, sheet: true, real: true, fake: true, arrows: true };
    this.still = matchMedia('(prefers-reduced-motion: reduce)');
    this.drawn = 0;
    this.repaint = () => {
      const style = getComputedStyle(document.documentElement);
      this.colours = {};
      for (const [name, token] of Object.entries(colourNames)) this.colours[name] = style.getPropertyValue(token).trim();
      this.isDark = document.documentElement.dataset.theme === 'dark';
      this.painted = null;
      this.isStale = true;
    };
    this.repaint();
    window.addEventListener('painted', this.repaint);
    this.watch = new ResizeObserver(() => this.fit());
    this.watch.observe(canvas);
    this.fit();
  }

  fit() {
    const side = Math.max(Math.min(Math.round(this.canvas.clientWidth * devicePixelRatio), LONGEST), 64);
    if (this.canvas.width !== side) [this.canvas.width, this.canvas.height] = [side, side];
    this.isStale = true;
  }

  /** What the game is: its reach, the sides of field and sheet. */
  ready(about) {
    this.about = about;
    this.scale = null;
    this.frame = null;
    this.before = null;
    this.isStale = true;
  }

  /** A frame to be shown; `fluent` where points move on from those of the last one. */
  show(frame, now, fluent) {
    const wasAt = this.frame && this.points(now);
    this.before = fluent && wasAt && !frame.stage && wasAt.fake.length === frame.rows.fake.length ? wasAt : null;
    this.interval = this.frame ? Math.min(Math.max(now - this.since, 8), 160) : 16;
    if (frame.stage) this.interval = 900;
    this.frame = frame;
    this.since = now;
    this.painted = null;
    this.isStale = true;
    this.measureScale();
  }

  /** How much of the way to what is shown is behind, from 0 to 1. */
  share(now) {
    return this.still.matches ? 1 : Math.min((now - this.since) / this.interval, 1);
  }

  /** Whether a stage has shown what it has to show. */
  isAtRest(now) {
    return !this.frame || this.share(now) >= 1;
  }

  /** Where samples and sheet are now. */
  points(now) {
    const { rows, stage } = this.frame;
    const share = this.share(now);
    if (stage === 'noise') return { fake: this.spread(), sheet: this.flatSheet() };
    if (stage === 'generate') {
      return { fake: between(this.spread(), rows.fake, eased(share)), sheet: between(this.flatSheet(), rows.sheet, eased(share)) };
    }
    if (stage === 'generator' && rows['fake-after']) {
      // First the arrows are seen, then the samples follow.
      const moved = eased(Math.max(0, (share - 0.35) / 0.65));
      return { fake: between(rows.fake, rows['fake-after'], moved), sheet: between(rows.sheet, rows['sheet-after'], moved) };
    }
    if (this.before && share < 1) return { fake: between(this.before.fake, rows.fake, share), sheet: between(this.before.sheet, rows.sheet, share) };
    return { fake: rows.fake, sheet: rows.sheet };
  }

  /** Noise where it is drawn before anything is made of it: its first two numbers. */
  spread() {
    const { noise, fake } = this.frame.rows;
    const wide = noise.length / (fake.length / 2);
    const unit = this.about.reach / 3.2;
    const spread = new Float32Array(fake.length);
    for (let i = 0; i < fake.length / 2; i += 1) {
      spread[2 * i] = noise[i * wide] * unit;
      spread[2 * i + 1] = wide > 1 ? noise[i * wide + 1] * unit : 0;
    }
    return spread;
  }

  flatSheet() {
    const { lines, reach } = this.about;
    const unit = reach / 3.2;
    const count = this.frame.rows.sheet.length / 2;
    const flat = new Float32Array(2 * count);
    for (let i = 0; i < count; i += 1) {
      flat[2 * i] = lines[i % lines.length] * unit;
      flat[2 * i + 1] = count > lines.length ? lines[Math.floor(i / lines.length)] * unit : 0;
    }
    return flat;
  }

  /** What of the judge's numbers is the middle, and what is much. */
  measureScale() {
    const { field } = this.frame.rows;
    // Scores of critics, and errors of autoencoders, mean something beside other ones only.
    const isCritic = 'loss.critic' in this.frame.figures || field.every((value) => value <= 0) && this.frame.rows['judged-real'].every((value) => value < 0);
    let middle = 0;
    if (isCritic) {
      const sum = (row) => row.reduce((all, one) => all + one, 0);
      const { 'judged-real': real, 'judged-fake': fake } = this.frame.rows;
      middle = (sum(real) + sum(fake)) / (real.length + fake.length);
    }
    let squares = 0;
    for (const value of field) squares += (value - middle) ** 2;
    const size = Math.sqrt(squares / field.length);
    const much = isCritic ? Math.max(size, 1e-6) : Math.min(Math.max(size, 0.25), 2);
    if (!Number.isFinite(middle + much)) return;
    const kept = this.scale && this.before ? 0.8 : 0;
    this.scale = this.scale ? { middle: kept * this.scale.middle + (1 - kept) * middle, much: kept * this.scale.much + (1 - kept) * much } : { middle, much };
  }

  /** Paints the field, or how it changes, into a small picture. */
  paintGround(share) {
    const { rows, stage } = this.frame;
    const side = this.about.field;
    const key = stage === 'judge-update' && share < 1 ? share : 1;
    if (this.painted === key) return;
    this.painted = key;
    [this.ground.width, this.ground.height] = [side, side];
    const context = this.ground.getContext('2d');
    const image = context.createImageData(side, side);
    const after = rows['field-after'];
    let [up, down] = [parts(this.colours.real), parts(this.colours.fake)];
    let { middle, much } = this.scale || { middle: 0, much: 1 };
    let values = rows.field;
    if (stage === 'judge-loss' && after) {
      [up, down] = [parts(this.colours.more), parts(this.colours.less)];
      values = new Float32Array(values.length);
      let squares = 0;
      for (let i = 0; i < values.length; i += 1) {
        values[i] = after[i] - rows.field[i];
        squares += values[i] ** 2;
      }
      middle = 0;
      much = Math.sqrt(squares / values.length) || 1;
    } else if (stage === 'judge-update' && after) {
      values = between(rows.field, after, eased(key));
    }
    const strength = this.isDark ? 150 : 120;
    const pixels = image.data;
    for (let i = 0; i < values.length; i += 1) {
      const taken = Math.tanh((values[i] - middle) / much);
      const colour = taken > 0 ? up : down;
      pixels[4 * i] = colour[0];
      pixels[4 * i + 1] = colour[1];
      pixels[4 * i + 2] = colour[2];
      pixels[4 * i + 3] = Number.isNaN(taken) ? 0 : Math.abs(taken) * strength;
    }
    context.putImageData(image, 0, 0);
  }

  /** Draws what is to be seen now; gives whether it was another picture. */
  draw(now) {
    if (!this.frame || !this.about) return false;
    const share = this.share(now);
    if (!this.isStale && this.wasWhole) return false;
    [this.isStale, this.wasWhole] = [false, share >= 1];
    this.drawn += 1;
    const { context, canvas, about: { reach }, frame: { rows, stage } } = this;
    const side = canvas.width;
    const unit = side / (2 * reach);
    const x = (value) => (value + reach) * unit;
    const y = (value) => (reach - value) * unit;
    const dot = Math.max(side / 190, 2);
    context.clearRect(0, 0, side, side);
    context.fillStyle = this.colours.card;
    context.fillRect(0, 0, side, side);
    const hasJudged = !['noise', 'generate'].includes(stage);
    if (this.layers.field && hasJudged) {
      this.paintGround(share);
      context.imageSmoothingEnabled = true;
      context.imageSmoothingQuality = 'high';
      context.globalAlpha = stage === 'discriminate' ? eased(share) : 1;
      // The outermost values stand on the edge, half a cell inside of the picture.
      const half = side / (this.about.field - 1) / 2;
      context.drawImage(this.ground, -half, -half, side + 2 * half, side + 2 * half);
      context.globalAlpha = 1;
    }
    this.drawAxes(side, unit);
    const { fake, sheet } = this.points(now);
    if (this.layers.sheet) this.drawSheet(sheet, x, y, side);
    if (this.layers.real && hasJudged) this.drawPoints(rows.real, x, y, dot, 'real', stage === 'discriminate' ? rows['judged-real'] : null);
    if (this.layers.arrows && (!stage || stage === 'generator')) this.drawArrows(rows.fake, fake, rows.descent, x, y, side);
    if (this.layers.fake) this.drawPoints(fake, x, y, dot, 'fake', stage === 'discriminate' ? rows['judged-fake'] : null);
    return true;
  }

  drawAxes(side, unit) {
    const { context, about: { reach } } = this;
    context.strokeStyle = this.colours.line;
    context.lineWidth = Math.max(side / 1000, 1);
    context.beginPath();
    for (let at = Math.ceil(-reach); at <= reach; at += 1) {
      const place = Math.round((at + reach) * unit) + 0.5;
      context.moveTo(place, 0);
      context.lineTo(place, side);
      context.moveTo(0, place);
      context.lineTo(side, place);
    }
    context.globalAlpha = 0.6;
    context.stroke();
    context.globalAlpha = 1;
  }

  /** Every cell has the same share of the noise: the smaller it is, the darker. */
  drawSheet(sheet, x, y, side) {
    const { context, about: { lines } } = this;
    const across = lines.length;
    const down = sheet.length / 2 / across;
    context.strokeStyle = this.colours.fake;
    context.fillStyle = this.colours.fake;
    context.lineJoin = 'round';
    context.lineWidth = Math.max(side / 900, 0.8);
    if (down === 1) {
      context.lineWidth = Math.max(side / 300, 1.5);
      context.beginPath();
      for (let i = 0; i < across; i += 1) context.lineTo(x(sheet[2 * i]), y(sheet[2 * i + 1]));
      context.stroke();
      return;
    }
    const fair = (side * side) / ((across - 1) * (down - 1));
    const corner = (row, column) => 2 * (row * across + column);
    const levels = new Map();
    for (let row = 0; row + 1 < down; row += 1) {
      for (let column = 0; column + 1 < across; column += 1) {
        const corners = [corner(row, column), corner(row, column + 1), corner(row + 1, column + 1), corner(row + 1, column)]
          .map((at) => [x(sheet[at]), y(sheet[at + 1])]);
        const [[ax, ay], [bx, by], [cx, cy], [dx, dy]] = corners;
        const area = 0.5 * Math.abs((cx - ax) * (dy - by) - (dx - bx) * (cy - ay));
        if (!Number.isFinite(area)) continue;
        // The density over that of noise spread evenly over the square, on a scale that shows thousandfold differences.
        const level = Math.min(Math.max(Math.round(3 + 2 * Math.log10(fair / (area + 1e-3))), 0), 9);
        if (!levels.has(level)) levels.set(level, new Path2D());
        const path = levels.get(level);
        path.moveTo(ax, ay);
        path.lineTo(bx, by);
        path.lineTo(cx, cy);
        path.lineTo(dx, dy);
        path.closePath();
      }
    }
    for (const [level, path] of levels) {
      context.globalAlpha = 0.03 + 0.05 * level;
      context.fill(path);
      context.globalAlpha = 0.12 + 0.05 * level;
      context.stroke(path);
    }
    context.globalAlpha = 1;
  }

  /** Points; where the judge has just looked, the larger the surer it is that a point is real. */
  drawPoints(points, x, y, dot, kind, judged) {
    const { context } = this;
    if (!judged) {
      const stamp = this.stamp(kind, dot);
      const half = stamp.width / 2;
      for (let i = 0; i < points.length; i += 2) context.drawImage(stamp, Math.round(x(points[i]) - half), Math.round(y(points[i + 1]) - half));
      return;
    }
    const path = new Path2D();
    const { middle, much } = this.scale || { middle: 0, much: 1 };
    for (let i = 0; i < points.length / 2; i += 1) {
      const [px, py] = [x(points[2 * i]), y(points[2 * i + 1])];
      if (!Number.isFinite(px + py)) continue;
      mark(path, kind, px, py, dot * (1.15 + 0.75 * Math.tanh((judged[i] - middle) / much)));
    }
    this.fillMarks(context, path, kind, dot);
  }

  fillMarks(context, path, kind, dot) {
    context.fillStyle = this.colours[kind];
    context.strokeStyle = this.colours.card;
    // The rims lie below all points, so that a crowd is not all rim.
    context.lineWidth = dot * 0.7;
    context.stroke(path);
    context.fill(path);
  }

  /** A point as a small picture: stamping it hundreds of times is cheaper than drawing it as often. */
  stamp(kind, dot) {
    const key = `${kind} ${dot} ${this.colours[kind]} ${this.colours.card}`;
    this.stamps ??= new Map();
    if (!this.stamps.has(key)) {
      if (this.stamps.size > 8) this.stamps.clear();
      const stamp = document.createElement('canvas');
      stamp.width = stamp.height = 2 * Math.ceil(1.7 * dot + 1);
      const path = new Path2D();
      mark(path, kind, stamp.width / 2, stamp.width / 2, dot);
      this.fillMarks(stamp.getContext('2d'), path, kind, dot);
      this.stamps.set(key, stamp);
    }
    return this.stamps.get(key);
  }

  /** Arrows from samples: four times the slope is twice the arrow, so that weak ones are seen, and none once there is no slope. */
  drawArrows(from, at, descent, x, y, side) {
    const { context } = this;
    const count = from.length / 2;
    const path = new Path2D();
    for (let i = 0; i < count; i += 1) {
      const [dx, dy] = [descent[2 * i], -descent[2 * i + 1]];
      const length = Math.min(side / 7, (side / 16) * Math.sqrt(Math.hypot(dx, dy) / 0.5));
      if (!(length > side / 250)) continue;
      const turn = Math.atan2(dy, dx);
      const [px, py] = [x(at[2 * i]), y(at[2 * i + 1])];
      const [ex, ey] = [px + length * Math.cos(turn), py + length * Math.sin(turn)];
      const head = Math.min(length * 0.4, side / 90);
      path.moveTo(px, py);
      path.lineTo(ex, ey);
      path.moveTo(ex - head * Math.cos(turn - 0.5), ey - head * Math.sin(turn - 0.5));
      path.lineTo(ex, ey);
      path.lineTo(ex - head * Math.cos(turn + 0.5), ey - head * Math.sin(turn + 0.5));
    }
    context.strokeStyle = this.colours.ink;
    context.globalAlpha = 0.55;
    context.lineWidth = Math.max(side / 700, 1);
    context.stroke(path);
    context.globalAlpha = 1;
  }

  /** What the judge says at a place of the canvas, given as shares of its sides. */
  at(across, down) {
    if (!this.frame) return null;
    const side = this.about.field;
    const { reach } = this.about;
    const column = Math.round(across * (side - 1));
    const row = Math.round(down * (side - 1));
    return { x: (2 * across - 1) * reach, y: (1 - 2 * down) * reach, judged: this.frame.rows.field[row * side + column] };
  }

  close() {
    window.removeEventListener('painted', this.repaint);
    this.watch.disconnect();
  }
}

/** A small picture of some points. */
export function sketch(canvas, points, reach) {
  const side = 96;
  [canvas.width, canvas.height] = [side, side];
  const context = canvas.getContext('2d');
  context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue('--curve-3').trim();
  for (let i = 0; i < points.length / 2; i += 1) {
    context.beginPath();
    context.arc(((points[2 * i] + reach) / (2 * reach)) * side, ((reach - points[2 * i + 1]) / (2 * reach)) * side, 1.7, 0, 7);
    context.fill();
  }
}
