// A map around the picture: one direction across, another down.
import { field, fill, h, trouble } from '../dom.js';
import { fetched, replaced } from './controls.js';
import { REACH } from './walk.js';

const CELLS = 7;
const EDGE = 3;

/** The map's card, and how it is drawn; `moved` is told when a cell was gone to. */
export function mapCard(walk, moved) {
  const names = walk.place.along.map((_, i) => h('option', { value: i }, `Direction ${i + 1}`));
  const across = h('select', {}, names);
  const down = h('select', {}, names.map((option) => option.cloneNode(true)));
  down.value = '1';
  const image = h('img', { alt: 'A map of pictures: one direction across, another down' });
  const cells = h('div', { class: 'cells' });
  const shown = h('div', { class: 'map', hidden: true }, image, cells);
  const problem = h('div');
  let made;
  const amount = (i) => Number((EDGE * (2 * i / (CELLS - 1) - 1)).toFixed(2));
  const draw = async () => {
    shown.classList.add('busy');
    const base = [...walk.place.along];
    const [a, b] = [Number(across.value), Number(down.value)];
    try {
      const response = await fetched(walk.address('map.png', walk.query({ across: a, down: b, reach: EDGE, cells: CELLS })));
      made = replaced(made, await response.blob());
      image.src = made;
      problem.replaceChildren();
      shown.hidden = false;
      cells.style.gridTemplateColumns = `repeat(${CELLS}, 1fr)`;
      fill(cells, Array.from({ length: CELLS * CELLS }, (_, i) => {
        const [x, y] = [amount(i % CELLS), -amount(Math.floor(i / CELLS))];
        return h('button', { type: 'button', 'aria-label': `Go to ${x} across, ${y} down`, onclick: () => {
          walk.place.along[a] = clamp((base[a] || 0) + x);
          walk.place.along[b] = clamp((a === b ? walk.place.along[b] : base[b] || 0) + y);
          moved();
        } });
      }));
    } catch (error) {
      fill(problem, trouble(error));
    }
    shown.classList.remove('busy');
  };
  const element = h('section', { class: 'card pad stack tall', 'aria-label': 'Map' },
    h('div', { class: 'card-head' }, h('h2', {}, 'Map around this picture'), h('button', { type: 'button', onclick: draw }, 'Draw the map')),
    h('div', { class: 'fields' }, field('Across', across), field('Down', down)), problem, shown);
  return { element, draw };
}

function clamp(by) {
  return Math.max(-REACH, Math.min(REACH, Number(by.toFixed(2))));
}
