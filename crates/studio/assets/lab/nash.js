// The smallest game there is: min over x, max over y of x y, and three ways to descend in it.
import { fill, h, trouble, write } from '../dom.js';
import { ask } from '../ask.js';
import { figure } from '../numbers.js';

const REACH = 2;
const STEPS = 300;
const words = {
  simultaneous: ['both at once', 'goes away', 'x\' = x - h y,  y\' = y + h x'],
  alternating: ['one after the other', 'circles', 'x\' = x - h y,  y\' = y + h x\''],
  extragradient: ['by the slopes one step ahead', 'comes to rest', 'x\' = x - h (y + h x),  y\' = y + h (x - h y)'],
};
const colourNames = ['--curve-2', '--curve-1', '--curve-3'];

export function nash(place, { title, query }) {
  title('Why descent circles');
  const within = (name, preset, least, most) => Math.min(Math.max(Number(query.get(name) ?? preset), least), most) || 0;
  const wish = { rate: within('rate', 0.15, 0.01, 0.6), x: within('x', 1, -REACH, REACH), y: within('y', 0, -REACH, REACH) };
  const canvas = h('canvas', { role: 'img', 'aria-label': 'Paths in the plane', tabindex: '0' });
  const number = (key, least, most, step, name) => {
    const shown = h('output', {}, figure(wish[key]));
    const input = h('input', { type: 'range', min: least, max: most, step, value: wish[key], 'aria-label': name, oninput: () => { wish[key] = Number(input.value); write(shown, figure(wish[key])); load(); } });
    return { input, shown, element: h('label', { class: 'slider' }, h('span', { class: 'small' }, name), shown, input) };
  };
  const sliders = { rate: number('rate', 0.01, 0.6, 0.01, 'Learning rate h'), x: number('x', -REACH, REACH, 0.05, 'x begins at'), y: number('y', -REACH, REACH, 0.05, 'y begins at') };
  const play = h('button', { type: 'button', class: 'primary', onclick: () => { begun = isPlaying ? begun : performance.now(); isPlaying = !isPlaying; if (!isPlaying) shownSteps = STEPS; write(play, isPlaying ? '❚❚ Pause' : '▶ Play'); } }, '▶ Play');
  const problem = h('div');
  const rows = h('tbody');
  let paths = [];
  let isPlaying = false;
  let begun = 0;
  let shownSteps = STEPS;
  let asked = 0;
  let drawn = '';
  let handle;

  async function load() {
    asked += 1;
    const number = asked;
    history.replaceState(null, '', `#/lab/nash?${new URLSearchParams(wish)}`);
    try {
      const found = await ask(`/api/lab/nash?${new URLSearchParams({ ...wish, steps: STEPS })}`);
      if (number !== asked) return;
      paths = found.paths;
      begun = performance.now();
      drawn = '';
      fill(problem);
      list();
    } catch (error) {
      fill(problem, trouble(error));
    }
  }

  function list() {
    fill(rows, paths.map(({ name, factor, path }, i) => {
      const [how, end] = words[name];
      const swatch = h('span', { class: 'swatch' });
      const last = path.at(-1);
      const distance = path.length <= STEPS ? '> 1000' : figure(Math.hypot(...last));
      return h('tr', {}, h('th', { scope: 'row', class: `curve-${[2, 1, 3][i]}` }, swatch, ` ${name}`, h('span', { class: 'small soft nash-how' }, how)), h('td', {}, end), h('td', { class: 'number' }, figure(factor)), h('td', { class: 'number' }, distance));
    }));
    canvas.setAttribute('aria-label', `Paths from (${wish.x}, ${wish.y}): ${paths.map(({ name }) => `${name} ${words[name][1]}`).join(', ')}.`);
  }

  function draw(now) {
    handle = requestAnimationFrame(draw);
    if (isPlaying) shownSteps = Math.min(Math.floor((now - begun) / 25), STEPS);
    if (isPlaying && shownSteps >= STEPS) {
      isPlaying = false;
      write(play, '▶ Play');
    }
    const side = Math.max(Math.min(Math.round(canvas.clientWidth * devicePixelRatio), 1400), 64);
    const theme = document.documentElement.dataset.theme;
    const key = `${side} ${shownSteps} ${theme} ${asked}`;
    if (key === drawn || paths.length === 0) return;
    drawn = key;
    [canvas.width, canvas.height] = [side, side];
    const context = canvas.getContext('2d');
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const at = ([x, y]) => [((x + REACH) / (2 * REACH)) * side, ((REACH - y) / (2 * REACH)) * side];
    context.fillStyle = colour('--card');
    context.fillRect(0, 0, side, side);
    context.strokeStyle = colour('--line');
    context.lineWidth = Math.max(side / 700, 1);
    context.beginPath();
    for (const [from, to] of [[[-REACH, 0], [REACH, 0]], [[0, -REACH], [0, REACH]]]) {
      context.moveTo(...at(from));
      context.lineTo(...at(to));
    }
    context.stroke();
    // Where both slopes lead: around, and never in.
    context.strokeStyle = colour('--strong-line');
    context.globalAlpha = 0.7;
    context.beginPath();
    for (let i = -7; i <= 7; i += 1) {
      for (let j = -7; j <= 7; j += 1) {
        const [x, y] = [(i / 8) * REACH, (j / 8) * REACH];
        const [px, py] = at([x, y]);
        const [dx, dy] = [-y * side * 0.018, -x * side * 0.018];
        const turn = Math.atan2(dy, dx);
        const head = Math.min(Math.hypot(dx, dy) * 0.4, side / 120);
        context.moveTo(px - dx / 2, py - dy / 2);
        context.lineTo(px + dx / 2, py + dy / 2);
        context.lineTo(px + dx / 2 - head * Math.cos(turn - 0.5), py + dy / 2 - head * Math.sin(turn - 0.5));
        context.moveTo(px + dx / 2, py + dy / 2);
        context.lineTo(px + dx / 2 - head * Math.cos(turn + 0.5), py + dy / 2 - head * Math.sin(turn + 0.5));
      }
    }
    context.stroke();
    context.globalAlpha = 1;
    paths.forEach(({ path }, i) => {
      context.strokeStyle = colour(colourNames[i]);
      context.fillStyle = context.strokeStyle;
      context.lineWidth = Math.max(side / 300, 1.5);
      context.beginPath();
      path.slice(0, shownSteps + 1).forEach((point) => context.lineTo(...at(point)));
      context.stroke();
      const [x, y] = at(path[Math.min(shownSteps, path.length - 1)]);
      context.beginPath();
      context.arc(x, y, side / 90, 0, 7);
      context.fill();
    });
    context.fillStyle = colour('--ink');
    context.beginPath();
    context.arc(...at([wish.x, wish.y]), side / 120, 0, 7);
    context.fill();
    context.font = `${Math.round(side / 36)}px system-ui, sans-serif`;
    context.fillStyle = colour('--soft');
    context.fillText('x', side * 0.965, side * 0.485);
    context.fillText('y', side * 0.515, side * 0.03);
  }

  function begin(event) {
    const box = canvas.getBoundingClientRect();
    const place = (share) => Math.round((2 * share - 1) * REACH * 20) / 20;
    moveTo(place((event.clientX - box.left) / box.width), -place((event.clientY - box.top) / box.height));
  }

  function moveTo(x, y) {
    [wish.x, wish.y] = [x, y].map((value) => Math.min(Math.max(value, -REACH), REACH));
    for (const key of ['x', 'y']) {
      sliders[key].input.value = wish[key];
      write(sliders[key].shown, figure(wish[key]));
    }
    load();
  }

  canvas.addEventListener('pointerdown', begin);
  fill(place,
    h('div', { class: 'head' }, h('div', {}, h('h1', {}, 'Why descent circles'),
      h('p', { class: 'soft' }, 'The smallest GAN: x generates, y judges, and both are best off at (0, 0). Do their slopes lead there?')),
    h('div', { class: 'room' }), h('a', { class: 'button', href: '#/lab' }, 'Back to the lab')),
    h('div', { class: 'nash' },
      h('figure', { class: 'card lab-plane' }, canvas, h('figcaption', { class: 'small soft' }, 'Choose where to begin: click into the plane, or use the sliders. The arrows are both players\' slopes: they turn, and none points at the middle.')),
      h('div', { class: 'stack' },
        h('section', { class: 'card pad stack', 'aria-label': 'The descent' }, h('div', { class: 'equations' }, 'min over x, max over y of  x y'),
          sliders.rate.element, sliders.x.element, sliders.y.element, h('div', { class: 'actions' }, play)),
        problem,
        h('section', { class: 'card pad stack', 'aria-label': 'Three ways to descend' }, h('h2', {}, `Three ways to descend, ${STEPS} steps`), h('p', { class: 'small soft' }, 'By how much the square of the distance from the middle is multiplied at each step, and the distance at the end.'),
          h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Table of the three ways' }, h('table', {}, h('thead', {}, h('tr', {}, ['Steps', 'Outcome', '|.|² a step', 'At the end'].map((name, i) => h('th', { scope: 'col', class: i > 1 ? 'number' : '' }, name)))), rows)),
          h('div', { class: 'equations', tabindex: '0', role: 'region', 'aria-label': 'Equations' }, Object.entries(words).map(([name, [, , equation]]) => `${name}: ${equation}`).join('\n'))),
        h('p', { class: 'soft' }, 'Simultaneous steps leave on a spiral, however short they are. Alternating ones circle for ever: what they keep is x² + y² − h x y. Looking one step ahead turns the arrows inwards. That is why GANs swing, and why penalties on the judge\'s slope and smaller steps help; the lab\'s lesson on non-convergence shows the same with networks.'))));
  load();
  handle = requestAnimationFrame(draw);
  return () => cancelAnimationFrame(handle);
}
