// The lab: a game of points, played before one's eyes.
import { fill, h, say, trouble, waiting, write } from '../dom.js';
import { ask } from '../ask.js';
import { Charts } from '../chart.js';
import { count, figure } from '../numbers.js';
import { Game } from './game.js';
import { Plane } from './plane.js';
import { Form, fromAddress, toAddress } from './setup.js';

const MEASURE_MS = 700;
const KEPT = 600;
/** Steps a frame. */
const speeds = [1, 2, 5, 10, 25, 50];
/** How long a stage stays once it has shown what it has to show. */
const DWELL_MS = 1100;

export function lab(place, { query, title }) {
  title('Lab');
  fill(place, waiting(2));
  let bench;
  let isOver = false;
  ask('/api/lab').then(
    (known) => { if (!isOver) bench = new Bench(place, known, query); },
    (error) => { if (!isOver) fill(place, trouble(error)); },
  );
  return () => {
    isOver = true;
    bench?.close();
  };
}

class Bench {
  constructor(place, known, query) {
    this.known = known;
    this.mode = 'paused';
    this.wasSet = 0;
    this.build(place, query);
    this.game = new Game({
      ready: (about) => this.ready(about),
      frame: (frame) => this.frame(frame),
      refused: (said) => this.refused(said),
      gone: (reason) => this.gone(reason),
    });
    this.set(fromAddress(query), false);
    this.tick = (now) => this.turn(now);
    this.handle = requestAnimationFrame(this.tick);
  }

  build(place, query) {
    const canvas = h('canvas', { role: 'img', 'aria-label': 'The plane' });
    this.plane = new Plane(canvas);
    this.canvas = canvas;
    this.form = new Form(this.known, fromAddress(query), (setup) => this.set(setup));
    this.problem = h('div');
    this.buildTransport();
    this.buildStages();
    this.buildFigures();
    this.buildLessons(query.get('lesson'));
    const stagePlane = h('figure', {
      class: 'card lab-plane', tabindex: '0', 'aria-label': 'The plane. Space plays and pauses, arrow right does a step, S goes one stage on, R begins anew.',
      onkeydown: (event) => this.key(event),
    }, canvas, this.pace, this.pointed = h('output', { class: 'lab-pointed', hidden: true }), this.broken = h('div', { class: 'lab-broken', hidden: true }, 'The numbers have left all bounds. Begin anew with other settings.'),
    h('figcaption', {}, this.buildLegend()));
    canvas.addEventListener('pointermove', (event) => this.point(event));
    canvas.addEventListener('pointerleave', () => { this.pointed.hidden = true; });
    fill(place,
      h('div', { class: 'head lab-head' },
        h('div', {}, h('h1', {}, 'Lab'), h('p', { class: 'soft' }, 'A GAN of points, as it learns: watch it, slow it down, break it, cure it.')),
        h('div', { class: 'room' }),
        h('div', { class: 'actions' },
          h('a', { class: 'button', href: '#/lab/nash' }, 'Why descent circles'),
          this.share = h('button', { type: 'button', onclick: () => this.copy() }, 'Copy address'))),
      this.lessonBar,
      h('div', { class: 'lab' },
        this.lessonCard,
        h('div', { class: 'lab-middle stack' }, this.problem, this.transport, stagePlane),
        this.stages,
        h('div', { class: 'lab-left' }, this.form.element),
        h('div', { class: 'lab-right stack' }, this.tiles, this.charts[0].element, this.charts[1].element, this.about)));
  }

  buildTransport() {
    this.play = h('button', { type: 'button', class: 'primary lab-play', onclick: () => this.toggle() }, '▶ Play');
    const button = (name, help, does) => h('button', { type: 'button', title: help, onclick: does }, name);
    this.speed = h('input', { type: 'range', min: 0, max: speeds.length - 1, step: 1, value: 1, 'aria-label': 'Steps a frame', oninput: () => this.sayPace() });
    this.pace = h('output', { class: 'soft lab-pace' });
    this.slow = h('input', { type: 'checkbox', onchange: () => this.slowly() });
    this.transport = h('div', { class: 'card lab-transport', role: 'group', 'aria-label': 'Play' },
      this.play,
      button('Step', 'One whole step', () => this.step()),
      button('Stage', 'One stage of a step', () => this.stage()),
      button('Restart', 'The same game from the beginning', () => this.restart()),
      h('label', { class: 'check' }, this.slow, 'Slow motion'),
      h('label', { class: 'lab-speed' }, h('span', { class: 'small' }, 'Speed'), this.speed));
  }

  buildStages() {
    this.stageList = h('ol', { class: 'lab-stages' });
    this.stageWords = h('div', { class: 'lab-stage-words', 'aria-live': 'polite' });
    this.stages = h('section', { class: 'card pad lab-stage', 'aria-label': 'The stages of a step' }, this.stageList, this.stageWords);
  }

  buildFigures() {
    const tile = (name) => {
      const value = h('dd', {}, '–');
      return [h('div', {}, h('dt', {}, name), value), value];
    };
    const named = { step: 'Step', modes: 'Modes reached', wasserstein: 'Wasserstein', js: 'Jensen-Shannon', kl: 'KL', signal: 'Arrows' };
    this.values = {};
    const tiles = Object.entries(named).map(([key, name]) => {
      const [element, value] = tile(name);
      this.values[key] = value;
      return element;
    });
    this.tiles = h('dl', { class: 'card lab-tiles' }, tiles);
    this.group = new Charts(() => {});
    this.charts = ['Losses', 'Distance to the data'].map((name) => this.group.chart(name));
    this.about = h('section', { class: 'card pad stack', 'aria-label': 'The objective' });
  }

  buildLegend() {
    const layer = (key, name, mark) => {
      const box = h('input', { type: 'checkbox', checked: true, onchange: () => { this.plane.layers[key] = box.checked; this.plane.isStale = true; } });
      return h('label', { class: 'check small' }, box, h('span', { class: `mark ${mark}`, 'aria-hidden': 'true' }), name);
    };
    return h('div', { class: 'lab-legend' },
      layer('real', 'Real', 'mark-real'), layer('fake', 'Generated', 'mark-fake'), layer('field', 'What the judge says', 'mark-field'),
      layer('sheet', 'Sheet of noise', 'mark-sheet'), layer('arrows', 'Where the loss pulls', 'mark-arrow'));
  }

  buildLessons(name) {
    this.lessonCard = h('div', { class: 'lab-lesson-place' });
    this.lessonButtons = new Map();
    const buttons = this.known.lessons.map((lesson) => {
      const button = h('button', { type: 'button', class: 'small', 'aria-pressed': 'false', onclick: () => this.teach(this.lesson === lesson ? null : lesson) }, lesson.title);
      this.lessonButtons.set(lesson, button);
      return button;
    });
    this.lessonBar = h('div', { class: 'lab-lessons', role: 'group', 'aria-label': 'Lessons' }, h('span', { class: 'small soft' }, 'See it fail, and cure it:'), buttons);
    this.lesson = this.known.lessons.find((lesson) => lesson.name === name) || null;
    this.showLesson();
  }

  /** Takes up a lesson, or none. */
  teach(lesson) {
    this.lesson = lesson;
    this.showLesson();
    if (lesson) this.scene('broken');
    else history.replaceState(null, '', toAddress(this.setup));
  }

  scene(which) {
    this.pause();
    this.set(structuredClone(this.lesson[which]));
    this.form.show(this.setup);
    this.mode = 'playing';
    this.sayMode();
    this.showLesson(which);
    say(which === 'broken' ? `${this.lesson.title}: the failure plays.` : `${this.lesson.title}: the cure plays.`);
  }

  showLesson(which) {
    const { lesson } = this;
    for (const [one, button] of this.lessonButtons) button.setAttribute('aria-pressed', String(one === lesson));
    if (!lesson) {
      fill(this.lessonCard);
      return;
    }
    const choice = (scene, name) => h('button', { type: 'button', class: which === scene ? 'primary' : '', 'aria-pressed': String(which === scene), onclick: () => this.scene(scene) }, name);
    fill(this.lessonCard, h('section', { class: 'card pad lab-lesson', 'aria-label': `Lesson: ${lesson.title}` },
      h('div', { class: 'card-head' }, h('h2', {}, lesson.title),
        h('div', { class: 'actions' }, choice('broken', 'Make it happen'), choice('cured', 'Cure it'),
          h('button', { type: 'button', class: 'quiet square', 'aria-label': 'Leave the lesson', onclick: () => this.teach(null) }, '✕'))),
      h('dl', {}, h('dt', {}, 'See'), h('dd', {}, lesson.see), h('dt', {}, 'Why'), h('dd', {}, lesson.why), h('dt', {}, 'Cure'), h('dd', {}, lesson.cure))));
  }

  /** Plays another game, from its beginning. */
  set(setup, isNews = true) {
    this.setup = setup;
    this.isReady = false;
    this.isBroken = false;
    delete this.canvas.dataset.ready;
    delete this.canvas.dataset.step;
    this.broken.hidden = true;
    fill(this.problem);
    if (isNews) history.replaceState(null, '', toAddress(setup, this.lesson?.name));
    this.forget();
    this.game.set(setup);
  }

  forget() {
    this.history = { x: [], judge: [], generator: [] };
    this.distances = { x: [], wasserstein: [], js: [], kl: [] };
    this.thinning = 1;
    this.lastMeasured = 0;
    this.frames = 0;
    this.judge = null;
    Object.values(this.values).forEach((value) => write(value, '–'));
  }

  restart() {
    this.set(this.setup, false);
  }

  ready(about) {
    this.aboutGame = about;
    this.plane.ready(about);
    this.form.ready(about);
    this.showStages(null);
    fill(this.about, h('h2', {}, about.title), h('p', { class: 'small' }, about.idea),
      h('div', { class: 'equations', tabindex: '0', role: 'region', 'aria-label': 'Equations' }, about.equations.join('\n')),
      h('p', { class: 'small soft' }, about.paper));
    this.isReady = true;
    this.canvas.dataset.ready = about.system;
  }

  frame(frame) {
    // What is still on its way from the game before is of no use.
    if (!this.isReady) return;
    const now = performance.now();
    this.plane.show(frame, now, this.mode === 'playing');
    this.shown = frame;
    this.arrived = now;
    this.canvas.dataset.step = frame.step;
    this.canvas.dataset.stage = frame.stage || '';
    write(this.values.step, count(frame.step));
    if (frame.is_broken && !this.isBroken) {
      this.isBroken = true;
      this.broken.hidden = false;
      this.pause();
      say('The numbers have left all bounds.');
    }
    this.note(frame, now);
    this.showStages(frame.stage, frame.repeat);
  }

  /** Keeps what curves are made of: so many points, later ones less dense. */
  note(frame, now) {
    this.judge = Object.keys(frame.figures).find((name) => name.startsWith('loss.') && name !== 'loss.generator') || 'loss.discriminator';
    if (!frame.stage) {
      const { x } = this.history;
      if (x.length === 0 || frame.step - x.at(-1) >= this.thinning) {
        x.push(frame.step);
        this.history.judge.push(frame.figures[this.judge]);
        this.history.generator.push(frame.figures['loss.generator']);
      }
      if (x.length > KEPT) {
        for (const row of Object.values(this.history)) row.splice(0, row.length, ...row.filter((_, i) => i % 2 === 0));
        this.thinning *= 2;
      }
    }
    if (frame.measured) {
      const { measured } = frame;
      const rows = this.distances;
      rows.x.push(frame.step);
      for (const name of ['wasserstein', 'js', 'kl']) {
        rows[name].push(measured[name]);
        write(this.values[name], figure(measured[name]));
      }
      if (rows.x.length > KEPT) Object.values(rows).forEach((row) => row.splice(0, row.length, ...row.filter((_, i) => i % 2 === 0)));
      write(this.values.modes, measured.modes ? `${measured.modes[0]} of ${measured.modes[1]}` : '–');
    }
    const { descent } = frame.rows;
    let squares = 0;
    for (const value of descent) squares += value * value;
    write(this.values.signal, figure(Math.sqrt((2 * squares) / descent.length)));
    if (frame.measured || now - (this.plotted || 0) > 400) {
      this.plotted = now;
      const means = (rows, naming) => Object.fromEntries(naming.map(([key, name]) => [name, { mean: rows[key] }]));
      this.charts[0].update(this.history.x, means(this.history, [['judge', this.judge.slice(5)], ['generator', 'generator']]));
      this.charts[1].update(this.distances.x, means(this.distances, [['wasserstein', 'Wasserstein'], ['js', 'Jensen-Shannon'], ['kl', 'KL']]));
      this.canvas.setAttribute('aria-label', `The plane after ${frame.step} steps: ${this.values.modes.textContent === '–' ? '' : `modes reached ${this.values.modes.textContent}, `}Wasserstein distance ${this.values.wasserstein.textContent}.`);
    }
  }

  refused(said) {
    this.pause();
    fill(this.problem, trouble({ message: said.error, hint: said.hint }));
  }

  gone(reason) {
    this.isReady = false;
    if (reason === '') {
      // The server begins the game anew once it is back.
      this.game.set(this.setup);
      this.pause();
      return;
    }
    this.pause();
    const texts = { idle: 'The game was ended since nothing was wished of it for ten minutes.', broken: 'This game cannot be computed.', 'no room': 'Too many games are being played at once.' };
    fill(this.problem, trouble({ message: texts[reason] }), h('p', {}, h('button', { type: 'button', onclick: () => this.restart() }, 'Begin anew')));
  }

  showStages(stage, repeat = 0) {
    const { stages, judge_moves: moves } = this.aboutGame;
    if (this.stagesOf !== this.aboutGame) {
      this.stagesOf = this.aboutGame;
      fill(this.stageList, stages.map((one, i) => h('li', { 'data-stage': one.stage }, h('span', { class: 'lab-stage-number' }, i + 1), one.title)));
      this.stageShown = undefined;
    }
    const shown = stage ? `${stage} ${repeat}` : '';
    if (this.stageShown === shown) return;
    this.stageShown = shown;
    for (const item of this.stageList.children) {
      if (item.dataset.stage === stage) item.setAttribute('aria-current', 'step');
      else item.removeAttribute('aria-current');
    }
    const current = stages.find((one) => one.stage === stage);
    if (!current) {
      fill(this.stageWords, h('p', { class: 'small soft' }, 'Stage goes through the six stages of a step one by one; slow motion does so by itself.'));
      return;
    }
    const isRepeated = moves > 1 && stage !== 'generator';
    fill(this.stageWords,
      h('p', {}, isRepeated && h('strong', {}, `Move ${repeat + 1} of ${moves}. `), current.says),
      h('div', { class: 'equations', tabindex: '0', role: 'region', 'aria-label': 'Equations of this stage' }, current.equations.map((line) => h('div', { class: 'now' }, line))));
  }

  toggle() {
    if (this.mode !== 'paused') {
      this.pause();
      return;
    }
    this.mode = this.slow.checked ? 'slow' : 'playing';
    this.sayMode();
  }

  pause() {
    this.mode = 'paused';
    this.sayMode();
  }

  slowly() {
    if (this.mode !== 'paused') this.mode = this.slow.checked ? 'slow' : 'playing';
    this.sayMode();
  }

  sayMode() {
    write(this.play, this.mode === 'paused' ? '▶ Play' : '❚❚ Pause');
    this.speed.disabled = this.slow.checked;
    this.canvas.dataset.mode = this.mode;
    this.sayPace();
  }

  sayPace() {
    const steps = speeds[Number(this.speed.value)];
    this.speed.setAttribute('aria-valuetext', `${steps} steps a frame`);
    if (this.mode === 'paused') write(this.pace, `${steps} ${steps === 1 ? 'step' : 'steps'} a frame`);
  }

  step() {
    this.pause();
    if (this.isReady) this.game.go(1, true);
  }

  stage() {
    this.pause();
    if (this.isReady) this.game.stage();
  }

  key(event) {
    if (event.target.closest('input, select, button') || event.ctrlKey || event.metaKey || event.altKey) return;
    const does = { ' ': () => this.toggle(), ArrowRight: () => this.step(), s: () => this.stage(), r: () => this.restart() }[event.key];
    if (!does) return;
    event.preventDefault();
    does();
  }

  /** What happens at every frame of the screen. */
  turn(now) {
    this.handle = requestAnimationFrame(this.tick);
    this.plane.draw(now);
    if (this.isReady && this.mode === 'playing' && this.game.isFree) {
      const isDue = now - this.lastMeasured > MEASURE_MS;
      if (isDue) this.lastMeasured = now;
      this.game.go(speeds[Number(this.speed.value)], isDue);
    } else if (this.isReady && this.mode === 'slow' && this.game.isFree && this.plane.isAtRest(now) && now - this.arrived > DWELL_MS + 900) {
      this.game.stage();
    }
    if (!this.counted || now - this.counted.at > 1000) {
      if (this.counted && this.mode === 'playing' && this.shown) {
        const seconds = (now - this.counted.at) / 1000;
        const frames = (this.plane.drawn - this.counted.drawn) / seconds;
        const steps = (this.shown.step - this.counted.step) / seconds;
        write(this.pace, `${Math.round(frames)} frames/s, ${count(Math.max(0, Math.round(steps)))} steps/s`);
      }
      this.counted = { at: now, drawn: this.plane.drawn, step: this.shown ? this.shown.step : 0 };
    }
    this.canvas.dataset.drawn = this.plane.drawn;
  }

  point(event) {
    const box = this.canvas.getBoundingClientRect();
    const found = this.plane.at((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
    if (!found || found.judged === undefined) return;
    this.pointed.hidden = false;
    write(this.pointed, `(${found.x.toFixed(2)}, ${found.y.toFixed(2)})  D = ${figure(found.judged)}`);
  }

  async copy() {
    const address = location.href.split('#')[0] + toAddress(this.setup, this.lesson?.name);
    history.replaceState(null, '', toAddress(this.setup, this.lesson?.name));
    try {
      await navigator.clipboard.writeText(address);
      write(this.share, 'Copied');
      say('The address of this game is copied.');
    } catch {
      write(this.share, 'Copy it from above');
      say('The address of this game stands in the address bar.');
    }
    setTimeout(() => write(this.share, 'Copy address'), 2500);
  }

  close() {
    cancelAnimationFrame(this.handle);
    this.game.close();
    this.plane.close();
    this.form.close();
    this.group.close();
  }
}
