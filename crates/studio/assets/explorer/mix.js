// Styles of two samples in one picture.
import { field, fill, h, say, trouble } from '../dom.js';
import { capital } from '../numbers.js';
import { fetched, replaced } from './controls.js';

export function mixCard(walk) {
  const layers = h('select', {}, ['coarse', 'middle', 'fine'].map((one) => h('option', { value: one }, capital(one))));
  const rows = h('input', { type: 'number', min: 0, step: 1, value: 0, required: true });
  const columns = h('input', { type: 'number', min: 0, step: 1, value: 10, required: true });
  const button = h('button', {}, 'Mix');
  const shown = h('div');
  let made;
  const draw = async (event) => {
    event.preventDefault();
    button.disabled = true;
    const query = new URLSearchParams({ seed: walk.place.seed, rows: rows.value, columns: columns.value, layers: layers.value });
    try {
      const response = await fetched(walk.address('mix.png', query));
      made = replaced(made, await response.blob());
      fill(shown, h('figure', { class: 'stack tight' },
        h('img', { src: made, alt: 'Rows of samples with some styles of the columns', class: 'wide-image' }),
        h('figcaption', { class: 'small soft' }, `The samples of the rows stand on the left, those of the columns on top; in between each row has the ${layers.value} layers of each column. The corner is the first of both.`),
        h('p', {}, h('a', { class: 'button', href: made, download: `${walk.run}-mix.png` }, 'Download the grid'))));
      say('The styles are mixed.');
    } catch (error) {
      fill(shown, trouble(error));
    }
    button.disabled = false;
  };
  return h('section', { class: 'card pad stack', 'aria-label': 'Style mixing' }, h('h2', {}, 'Mixed styles'),
    h('form', { class: 'fields close ended', onsubmit: draw }, field('Rows from', rows), field('Columns from', columns), field('Layers of columns', layers),
      h('div', { class: 'field end' }, button)), shown);
}
