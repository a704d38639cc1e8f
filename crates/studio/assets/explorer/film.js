// A film from sample to sample.
import { field, fill, h, say, trouble, waiting, write } from '../dom.js';
import { count } from '../numbers.js';
import { fetched, replaced } from './controls.js';

export function filmCard(walk) {
  const stops = h('input', { value: '0,1,2,3', autocomplete: 'off', required: true, pattern: '\\s*[0-9]+(\\s*,\\s*[0-9]+)+\\s*', title: 'Numbers of samples with commas between them', oninput: () => tell() });
  const frames = h('input', { type: 'number', min: 2, max: 60, step: 1, value: 20, required: true, oninput: () => tell() });
  const fps = h('input', { type: 'number', min: 2, max: 60, step: 1, value: 15, required: true, oninput: () => tell() });
  const format = h('select', {},
    h('option', { value: 'gif' }, 'GIF'), h('option', { value: 'apng' }, 'Animated PNG'),
    h('option', { value: 'mp4', disabled: !walk.about.films }, walk.about.films ? 'MP4' : 'MP4 (not in this build)'));
  const length = h('p', { class: 'small soft' });
  const button = h('button', {}, 'Make the film');
  const shown = h('div', { class: 'stack' });
  let made;
  const tell = () => {
    const legs = stops.value.split(',').filter((text) => text.trim()).length;
    const all = legs * Number(frames.value);
    write(length, `${count(all)} frames, ${(all / Math.max(1, Number(fps.value))).toFixed(1)} s, and back to the first sample.`);
  };
  tell();
  const draw = async (event) => {
    event.preventDefault();
    fill(shown, waiting(1));
    button.disabled = true;
    const kind = format.value;
    const query = new URLSearchParams({ seed: walk.place.seed, stops: stops.value.replaceAll(' ', ''), frames: frames.value, fps: fps.value, format: kind });
    if (walk.place.class !== undefined) query.set('class', walk.place.class);
    try {
      const response = await fetched(walk.address('film', query));
      made = replaced(made, await response.blob());
      fill(shown, kind === 'mp4' ? video(made, shown) : h('img', { class: 'portrait small-portrait', src: made, alt: 'A walk from sample to sample' }),
        h('p', {}, h('a', { class: 'button', href: made, download: `${walk.run}-walk.${kind}` }, 'Download the film')));
      say('The film is ready.');
    } catch (error) {
      fill(shown, trouble(error));
    }
    button.disabled = false;
  };
  return h('section', { class: 'card pad stack', 'aria-label': 'Film' }, h('h2', {}, 'Film from sample to sample'),
    h('form', { class: 'fields close ended', onsubmit: draw }, field('Samples', stops), field('Frames between', frames), field('Frames a second', fps), field('Format', format),
      h('div', { class: 'field end' }, button)), length, shown);
}

function video(source, place) {
  const isCalm = window.matchMedia('(prefers-reduced-motion: reduce)').matches;
  const shown = h('video', { class: 'portrait small-portrait', controls: true, loop: true, playsinline: true, 'aria-label': 'A walk from sample to sample', src: source });
  shown.muted = true;
  shown.autoplay = !isCalm;
  shown.onerror = () => {
    shown.remove();
    place.prepend(h('p', { role: 'status' }, 'This browser does not play it here. The download is whole.'));
  };
  return shown;
}
