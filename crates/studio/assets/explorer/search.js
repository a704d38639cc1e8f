// Looking for a picture of one's own in what a generator makes.
import { field, fill, h, say, trouble } from '../dom.js';
import { Refused } from '../ask.js';
import { figure } from '../numbers.js';
import { fetched, lines, replaced } from './controls.js';

export function searchCard(walk) {
  const file = h('input', { type: 'file', accept: 'image/*', required: true });
  const steps = h('input', { type: 'number', min: 10, max: 1000, step: 10, value: 200 });
  const bar = h('progress', { max: 1, value: 0, 'aria-label': 'Search', hidden: true });
  const said = h('p', { class: 'small soft', role: 'status' });
  const button = h('button', {}, 'Look for it');
  const problem = h('div');
  const original = h('img', { class: 'portrait small-portrait', alt: 'The picture that is looked for', hidden: true });
  let own;
  const look = async (event) => {
    event.preventDefault();
    problem.replaceChildren();
    button.disabled = true;
    bar.hidden = false;
    bar.value = 0;
    const [chosen] = file.files;
    own = replaced(own, chosen);
    original.src = own;
    original.hidden = false;
    const query = new URLSearchParams({ steps: steps.value });
    if (walk.place.class !== undefined) query.set('class', walk.place.class);
    try {
      const response = await fetched(walk.address('project', query), { method: 'POST', headers: { 'content-type': chosen.type || 'application/octet-stream' }, body: chosen });
      for await (const line of lines(response.body)) {
        if (line.error) throw new Refused(422, line);
        if (line.done) {
          bar.value = line.done / line.of;
          said.textContent = `Update ${line.done} of ${line.of}, misfit ${figure(line.misfit)}`;
        }
        if (line.found !== undefined) {
          walk.arrive(line.found);
          said.textContent = 'Found: the picture beside is what the generator makes of it. The sliders change it.';
          say('Found.');
        }
      }
    } catch (error) {
      original.hidden = true;
      said.textContent = '';
      fill(problem, trouble(error));
    }
    button.disabled = false;
    bar.hidden = true;
  };
  return h('section', { class: 'card pad stack', 'aria-label': 'Your picture' }, h('h2', {}, 'Look for your picture'),
    h('form', { class: 'fields', onsubmit: look }, field('Picture', file, 'It stays on this machine.'), field('Updates', steps), h('div', { class: 'field looking' }, button)),
    bar, said, problem, original);
}
