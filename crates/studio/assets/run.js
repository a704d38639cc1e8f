// One run, live.
import { dialog, empty, fill, fresh, h, say, trouble, waiting, write } from './dom.js';
import { ask, Live, of, tell } from './ask.js';
import { Charts } from './chart.js';
import { Loupe } from './lookalikes.js';
import { capital, clock, count, figure, groupOf, pace, plain, stateName, when } from './numbers.js';

/** Points of a curve that are asked for. */
const POINTS = 500;

export function run(place, { parts: [name], title }) {
  title(name);
  let about = null;
  let latest = null;
  let zoom = null;
  const charts = new Charts((part) => {
    zoom = part;
    live.look({ points: POINTS, from: part && part[0], to: part && part[1] });
  });

  const badge = h('span', { class: 'badge' });
  const tags = h('span', { class: 'row actions' });
  const buttons = {
    stop: h('button', { type: 'button', onclick: stop }, 'Stop'),
    resume: h('button', { type: 'button', onclick: resume }, 'Resume'),
    explore: h('a', { class: 'button', href: `#/explorer/${encodeURIComponent(name)}` }, 'Explore'),
    clone: h('a', { class: 'button', href: `#/new?from=${encodeURIComponent(name)}` }, 'Clone with changes'),
    tag: h('button', { type: 'button', onclick: tag }, 'Tags'),
    remove: h('button', { type: 'button', class: 'danger', onclick: discard }, 'Delete'),
  };
  const subtitle = h('p', { class: 'soft' });
  const notice = h('div', { class: 'notice' });
  const tiles = h('dl', { class: 'tiles' });
  const drawn = h('div', { class: 'charts' });
  const alarms = h('section', { class: 'card pad', 'aria-label': 'Alarms', hidden: true });
  const film = new Film(name);
  const eventRows = h('tbody');
  const events = table('What the run said', ['Step', 'Event', 'What'], eventRows);
  const settings = h('details', { class: 'card' }, h('summary', {}, 'Settings and where it comes from'), h('div', { class: 'inside' }));
  const measured = h('section', { class: 'card pad', 'aria-label': 'Figures', hidden: true });
  const body = h('div', { hidden: true },
    tiles,
    h('div', { class: 'two' },
      h('div', { class: 'stack' }, alarms, drawn),
      h('div', { class: 'stack samples-side' }, film.element, measured)),
    h('div', { class: 'stack below' }, h('details', { class: 'card' }, h('summary', {}, 'Events'), h('div', { class: 'inside' }, events)), settings));
  const load = waiting();
  fill(place,
    h('div', { class: 'head' },
      h('div', {}, h('h1', {}, name), subtitle),
      badge, tags, h('span', { class: 'room' }),
      h('div', { class: 'actions' }, Object.values(buttons))),
    notice, load, body);
  Object.values(buttons).slice(0, 3).forEach((button) => { button.hidden = true; });

  function readAbout() {
    return ask(of(name)).then((said) => {
      about = said;
      film.about(said);
      showAbout();
      if (latest) showState();
    }, (error) => {
      if (!latest) {
        load.remove();
        fill(notice, trouble(error), h('p', {}, h('a', { href: '#/runs' }, 'Back to all runs')));
      }
    });
  }
  readAbout();

  const live = new Live(name, (message) => {
    const before = latest && latest.state;
    latest = message;
    load.remove();
    body.hidden = false;
    if (before && before !== message.state) {
      say(`${name}: ${stateName(message.state)}.`);
      readAbout();
    }
    showState();
    showTiles();
    showCurves();
    showAlarms();
    showEvents();
    film.samples(message.digest.samples, message.digest.started_at);
  }, (error) => fill(notice, trouble({ message: error.message, hint: 'It may have been deleted or renamed.' })));
  live.look({ points: POINTS });

  function showState() {
    const { state, digest, trouble: unread } = latest;
    badge.className = `badge ${state}`;
    write(badge, stateName(state));
    buttons.stop.hidden = state !== 'training';
    buttons.resume.hidden = !['stopped', 'interrupted', 'finished'].includes(state);
    write(buttons.resume, state === 'finished' ? 'Train longer' : 'Resume');
    buttons.explore.hidden = !(about && about.kind === 'pictures' && digest.latest_checkpoint !== null);
    buttons.remove.disabled = state === 'training';
    const data = about && about.data;
    write(subtitle, [digest.title, data && `on ${data}`].filter(Boolean).join(' '));
    if (unread) fill(notice, trouble({ message: 'What this run said cannot be read.', hint: unread }));
    else if (state === 'interrupted') fill(notice, h('p', { class: 'trouble' }, 'Its process ended without a word. Resume goes on from the last checkpoint, to the same bits.'));
    else notice.replaceChildren();
  }

  function showTiles() {
    const { state, digest } = latest;
    const rate = digest.seconds > 0 ? digest.step / digest.seconds : 0;
    const left = digest.steps && rate ? (digest.steps - digest.step) / rate : null;
    const best = digest.best || digest.figures;
    const shown = [
      tile('Step', count(digest.step), digest.steps ? `of ${count(digest.steps)}` : 'no end in steps',
        digest.steps && h('progress', { max: digest.steps, value: digest.step, 'aria-label': 'Steps done' })),
      tile('Trained for', clock(digest.seconds), state === 'training' && left !== null ? `${clock(left)} to go` : `since ${when(digest.started_at)}`),
      tile('Images a second', pace(digest.images_per_second), `${count(digest.images)} images seen`),
      ...(best ? Object.entries(best.figures).slice(0, 2).map(([name, value]) => tile(plain(name).toUpperCase(), figure(value), `${digest.best ? 'best' : 'last'}, step ${count(best.step)}`)) : []),
      ...Object.entries(digest.latest).filter(([name]) => name.startsWith('loss.')).slice(0, 2).map(([name, value]) => tile(`Loss of the ${groupOf(name).name}`, figure(value), 'last step recorded')),
    ];
    fill(tiles, shown);
  }

  function tile(name, value, more, extra) {
    return h('div', { class: 'card tile' }, h('dt', {}, name), h('dd', {}, value), h('dd', { class: 'more' }, more, extra));
  }

  function showCurves() {
    const { curves, events: said } = latest;
    charts.mark(said.filter((event) => event.event === 'alarm').map((event) => ({ at: event.step })));
    const groups = new Map();
    for (const [full, curve] of Object.entries(curves.series)) {
      const { group, name } = groupOf(full);
      if (!groups.has(group)) groups.set(group, {});
      groups.get(group)[name] = curve;
    }
    const order = ['Losses', 'Accuracy of the judge', 'What the judge believes', 'Gradient norms'];
    const place = (group) => (order.includes(group) ? order.indexOf(group) : group === 'Other' ? 99 : 50);
    const titles = [...groups.keys()].sort((a, b) => place(a) - place(b) || a.localeCompare(b));
    for (const group of titles) {
      charts.chart(group).update(curves.steps, groups.get(group), { isZoomed: zoom !== null });
    }
    for (const [metric, points] of Object.entries(curves.metrics)) {
      const chart = capital(plain(metric));
      titles.push(chart);
      charts.chart(chart).update(points.map(([step]) => step), { 'of samples': { mean: points.map(([, value]) => value) } }, { isZoomed: zoom !== null });
    }
    const wanted = titles.map((title) => charts.chart(title).element);
    if (wanted.length === 0) {
      fill(drawn, h('div', { class: 'card' }, empty('No steps yet', 'Curves begin with the first step.')));
    } else if (wanted.some((element, i) => drawn.children[i] !== element) || drawn.children.length !== wanted.length) {
      fill(drawn, wanted);
    }
  }

  let alarmsShown = '';
  function showAlarms() {
    const said = latest.events.filter((event) => ['alarm', 'warning', 'healed'].includes(event.event));
    const text = JSON.stringify(said);
    if (text === alarmsShown) return;
    if (alarmsShown && said.length > 0) say(`${said.at(-1).event}: ${said.at(-1).meaning || said.at(-1).message || ''}`);
    alarmsShown = text;
    alarms.hidden = said.length === 0;
    fill(alarms, h('div', { class: 'card-head' }, h('h2', {}, 'What the doctor says')), h('div', { class: 'alarms' }, said.map((event) => {
      if (event.event === 'warning') return h('div', { class: 'alarm' }, h('h3', {}, 'Warning', h('span', {}, `step ${count(event.step)}`)), h('p', {}, event.message));
      if (event.event === 'healed') return h('div', { class: 'alarm' }, h('h3', {}, `Healed: ${plain(event.alarm)}`, h('span', {}, `back to step ${count(event.step)}`)), h('p', {}, changes(event.settings)));
      const evidence = Object.entries(event.evidence).map(([name, value]) => `${plain(name)} ${figure(value)}`).join(', ');
      return h('div', { class: 'alarm' },
        h('h3', {}, capital(plain(event.name)), h('span', {}, `step ${count(event.step)} · ${event.player}`)),
        h('p', {}, event.meaning),
        evidence && h('p', { class: 'small' }, `It rests on: ${evidence}.`),
        h('p', {}, h('strong', {}, 'Try: '), event.cure, ' ',
          Object.keys(event.settings).length > 0 && h('a', { href: `#/new?from=${encodeURIComponent(name)}&${new URLSearchParams(Object.entries(event.settings).map(([key, value]) => [`set.${key}`, value]))}` }, 'Clone with this cure')));
    })));
  }

  function changes(settings) {
    return Object.entries(settings).map(([key, value]) => `${key} = ${value}`).join(', ');
  }

  let eventsShown = '';
  function showEvents() {
    const said = latest.events;
    const key = `${said.length} ${said.at(-1)?.step}`;
    if (key === eventsShown) return;
    eventsShown = key;
    fill(eventRows, said.slice(-500).reverse().map((event) => h('tr', {},
      h('td', { class: 'number' }, event.step === undefined ? '' : count(event.step)),
      h('td', {}, capital(event.event)), h('td', {}, what(event)))));
  }

  function showAbout() {
    fill(tags, about.tags.map((tag) => h('span', { class: 'tag' }, tag)));
    const rows = Object.entries(about.settings).map(([key, value]) => h('tr', {}, h('th', { scope: 'row' }, key), h('td', { class: 'mono' }, typeof value === 'string' ? value : JSON.stringify(value))));
    const from = about.provenance;
    fill(settings.lastChild,
      from && h('p', { class: 'small soft' }, `${from.ganymede} (${from.commit}) on ${from.machine.cpu}, ${from.machine.cores} cores, ${from.machine.instruction_set}; begun ${when(from.started_at)}.`),
      from && h('p', {}, h('code', {}, from.command.join(' '))),
      table('Settings', ['Setting', 'Value'], h('tbody', {}, rows)));
    const figures = about.figures && about.figures.figures;
    measured.hidden = !figures;
    if (figures) {
      fill(measured, h('div', { class: 'card-head' }, h('h2', {}, 'Measured')),
        table('Figures of samples', ['Measure', 'Value', 'Interval'], h('tbody', {}, figures.map((one) => h('tr', {},
          h('th', { scope: 'row' }, one.metric || one.name), h('td', { class: 'number' }, figure(one.value)),
          h('td', { class: 'number' }, one.interval ? `${figure(one.interval[0] ?? one.interval.low)} to ${figure(one.interval[1] ?? one.interval.high)}` : '–'))))));
    }
  }

  async function act(button, work, done) {
    button.disabled = true;
    try {
      await work();
      say(done);
    } catch (error) {
      fill(notice, trouble(error));
    }
    button.disabled = false;
  }

  function stop() {
    act(buttons.stop, () => tell(of(name, 'stop'), {}), 'The run saves and stops.');
  }

  async function resume() {
    if (latest.state !== 'finished') {
      act(buttons.resume, () => tell(of(name, 'resume'), {}), 'The run goes on.');
      return;
    }
    const steps = h('input', { type: 'number', id: fresh('steps'), min: latest.digest.step + 1, value: latest.digest.step * 2, required: true });
    const said = await dialog('Train longer', h('form', { method: 'dialog' },
      h('div', { class: 'field' }, h('label', { for: steps.id }, 'Steps, counted from the beginning'), steps),
      h('div', { class: 'actions' }, h('button', { value: 'no', formnovalidate: true }, 'Cancel'), h('button', { class: 'primary', value: 'yes' }, 'Train'))));
    if (said === 'yes') act(buttons.resume, () => tell(of(name, 'resume'), { steps: Number(steps.value) }), 'The run goes on.');
  }

  async function tag() {
    const input = h('input', { id: fresh('tags'), value: about ? about.tags.join(', ') : '' });
    const said = await dialog('Tags', h('form', { method: 'dialog' },
      h('div', { class: 'field' }, h('label', { for: input.id }, 'Tags, with commas between them'), input),
      h('div', { class: 'actions' }, h('button', { value: 'no' }, 'Cancel'), h('button', { class: 'primary', value: 'yes' }, 'Save'))));
    if (said === 'yes') act(buttons.tag, async () => { await tell(of(name, 'tags'), { tags: input.value.split(',') }); await readAbout(); }, 'Tags saved.');
  }

  async function discard() {
    const said = await dialog(`Delete ${name}?`, h('form', { method: 'dialog' },
      h('p', {}, 'It is moved into the trash, from which it can be put back.'),
      h('div', { class: 'actions' }, h('button', { value: 'no' }, 'Keep it'), h('button', { class: 'danger filled', value: 'yes' }, 'Move to trash'))));
    if (said !== 'yes') return;
    live.close();
    try {
      await tell(of(name, 'trash'), { confirm: name });
      location.hash = '#/runs';
      say(`${name} is in the trash.`);
    } catch (error) {
      fill(notice, trouble(error));
    }
  }

  return () => {
    live.close();
    film.stop();
    charts.close();
  };
}

function table(caption, heads, body) {
  return h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': caption },
    h('table', {}, h('caption', { class: 'unseen' }, caption), h('thead', {}, h('tr', {}, heads.map((head) => h('th', { scope: 'col' }, head)))), body));
}

function what(event) {
  switch (event.event) {
    case 'started': return `${event.title}: ${event.idea}`;
    case 'resumed': return `Went on ${when(event.at)}`;
    case 'sample': case 'checkpoint': return event.path;
    case 'metric': return Object.entries(event.figures).map(([name, value]) => `${plain(name)} ${figure(value)}`).join(', ') + (event.best ? ' (the best so far)' : '');
    case 'warning': return event.message;
    case 'alarm': return `${capital(plain(event.name))}: ${event.meaning}`;
    case 'healed': return `From ${plain(event.alarm)} at step ${count(event.raised_at)}`;
    case 'stopped': return event.reason;
    default: return '';
  }
}

/** Sample grids through training time. */
class Film {
  constructor(run) {
    this.run = run;
    this.steps = [];
    this.at = -1;
    this.isLatest = true;
    this.image = h('img', { alt: '', hidden: true });
    this.image.onload = () => {
      this.isLoading = false;
      this.loupe.lay();
    };
    this.image.onerror = () => { this.isLoading = false; };
    this.nothing = h('p', { class: 'empty' }, 'The first samples come soon.');
    this.caption = h('figcaption', {}, 'Samples');
    this.real = h('img', { alt: 'Real pictures of the data', loading: 'lazy' });
    this.realFigure = h('figure', { hidden: true }, h('div', { class: 'film-frame' }, this.real), h('figcaption', {}, 'Real pictures'));
    this.slider = h('input', { type: 'range', min: 0, max: 0, value: 0, 'aria-label': 'Training time', oninput: () => this.show(Number(this.slider.value)) });
    this.step = h('output', {});
    this.button = h('button', { type: 'button', class: 'square', 'aria-label': 'Play the film of training', onclick: () => this.play() }, '▶');
    const beside = h('input', { type: 'checkbox', id: fresh('beside'), onchange: () => this.beside(beside.checked) });
    this.besideLabel = h('label', { class: 'check', for: beside.id, hidden: true }, beside, 'Real pictures beside');
    this.loupe = new Loupe(run, this.image, () => {
      this.stop();
      return this.steps[this.at];
    });
    this.pair = h('div', { class: 'pair' },
      h('figure', {}, h('div', { class: 'film-frame' }, this.image, this.loupe.element, this.nothing), this.caption, this.loupe.help), this.realFigure);
    this.tools = h('div', { class: 'film-tools', hidden: true }, this.button, this.slider, this.step);
    this.element = h('section', { class: 'card pad', 'aria-label': 'Samples' },
      h('div', { class: 'card-head' }, h('h2', {}, 'Samples'), this.besideLabel), this.pair, this.tools);
  }

  about(run) {
    this.besideLabel.hidden = run.kind !== 'pictures';
    this.loupe.about(run.kind === 'pictures' ? run.grid : null);
    if (!this.version) this.version = encodeURIComponent(run.digest.started_at);
  }

  samples(steps, startedAt) {
    this.version = encodeURIComponent(startedAt);
    if (steps.length === this.steps.length && steps.at(-1) === this.steps.at(-1)) return;
    this.steps = steps;
    this.slider.max = Math.max(steps.length - 1, 0);
    this.tools.hidden = steps.length < 2;
    if (steps.length === 0) return;
    this.nothing.hidden = true;
    this.image.hidden = false;
    if (this.isLatest || this.at >= steps.length) this.show(steps.length - 1);
  }

  address(at) {
    return `${of(this.run, 'samples', this.steps[at])}?${this.version}`;
  }

  show(at) {
    this.at = at;
    this.isLatest = at === this.steps.length - 1;
    this.isLoading = true;
    this.image.src = this.address(at);
    this.image.alt = `Sample grid after step ${this.steps[at]}`;
    this.slider.value = at;
    this.slider.setAttribute('aria-valuetext', `step ${this.steps[at]}`);
    write(this.step, `step ${count(this.steps[at])}`);
    write(this.caption, `After step ${count(this.steps[at])}${this.isLatest ? ', the latest' : ''}`);
    if (at + 1 < this.steps.length) new Image().src = this.address(at + 1);
  }

  play() {
    if (this.timer) return this.stop();
    if (this.at >= this.steps.length - 1) this.show(0);
    this.button.textContent = '❚❚';
    this.button.setAttribute('aria-label', 'Pause the film of training');
    this.timer = setInterval(() => {
      if (this.isLoading) return;
      if (this.at >= this.steps.length - 1) this.stop();
      else this.show(this.at + 1);
    }, 150);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.button.textContent = '▶';
    this.button.setAttribute('aria-label', 'Play the film of training');
  }

  beside(is) {
    this.realFigure.hidden = !is;
    this.pair.classList.toggle('both', is);
    if (is && !this.real.src) {
      this.real.onerror = () => fill(this.realFigure, trouble({ message: 'The data of this run cannot be shown.', hint: 'They may not be on this machine any more.' }));
      this.real.src = of(this.run, 'real.png');
    }
  }
}
