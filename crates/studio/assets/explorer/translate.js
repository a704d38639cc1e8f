// A picture of one's own into another one, by a system that does that.
import { field, fill, h, say, trouble, write } from '../dom.js';
import { capital, plain } from '../numbers.js';
import { fetched, replaced } from './controls.js';

export function translateCard(run, address, translations) {
  const named = ({ name, takes: [high, wide], gives: [height, width] }) => `${capital(plain(name))}: ${wide} × ${high} to ${width} × ${height}`;
  const file = h('input', { type: 'file', accept: 'image/*', required: true });
  const which = h('select', {}, translations.map((one) => h('option', { value: one.name }, named(one))));
  const button = h('button', { class: 'primary' }, 'Translate');
  const problem = h('div');
  const given = h('img', { alt: 'Your picture' });
  const made = h('img', { alt: 'What the system makes of it' });
  const download = h('a', { class: 'button', download: `${run}-translated.png` }, 'Download PNG');
  const time = h('output', { class: 'small soft' });
  const pair = h('div', { class: 'stack', hidden: true },
    h('div', { class: 'pair both translated' },
      h('figure', {}, given, h('figcaption', {}, 'Your picture, as it is cut')), h('figure', {}, made, h('figcaption', {}, 'What is made of it'))),
    h('div', { class: 'actions centred' }, download, time));
  let own;
  let other;
  const translate = async (event) => {
    event.preventDefault();
    problem.replaceChildren();
    button.disabled = true;
    pair.classList.add('busy');
    const [chosen] = file.files;
    const { name, takes, gives } = translations.find((one) => one.name === which.value);
    const begun = performance.now();
    try {
      const response = await fetched(address('translate', new URLSearchParams({ function: name })), { method: 'POST', headers: { 'content-type': chosen.type || 'application/octet-stream' }, body: chosen });
      other = replaced(other, await response.blob());
      own = replaced(own, chosen);
      given.src = own;
      given.style.aspectRatio = `${takes[1]} / ${takes[0]}`;
      made.src = other;
      made.style.aspectRatio = `${gives[1]} / ${gives[0]}`;
      download.href = other;
      pair.hidden = false;
      write(time, `${Math.round(performance.now() - begun)} ms`);
      say('The picture is translated.');
    } catch (error) {
      pair.hidden = true;
      fill(problem, trouble(error));
    }
    pair.classList.remove('busy');
    button.disabled = false;
  };
  return h('section', { class: 'card pad stack', 'aria-label': 'Translation' }, h('h2', {}, 'Translate a picture'),
    h('form', { class: 'fields', onsubmit: translate }, field('Picture to translate', file, 'It stays on this machine.'), field('Function', which),
      h('div', { class: 'field looking' }, button)), problem, pair);
}
