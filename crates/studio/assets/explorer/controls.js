// Controls and streams that several parts of the explorer have.
import { fresh, h, write } from '../dom.js';
import { Refused } from '../ask.js';

/** A labelled slider that shows its number; `set` moves it without telling. */
export function slider(label, min, max, step, value, moved, shown = String) {
  const input = h('input', { type: 'range', id: fresh('slider'), min, max, step, oninput: () => { write(output, shown(input.value)); moved(Number(input.value)); } });
  input.value = value;
  const output = h('output', { for: input.id }, shown(value));
  const set = (to) => { input.value = to; write(output, shown(to)); };
  return { set, input, element: h('div', { class: 'slider' }, h('label', { for: input.id }, label), output, input) };
}

/** Asks for something that is no JSON; what is refused is thrown in the studio's words. */
export async function fetched(path, options = {}) {
  const response = await fetch(path, options).catch((error) => {
    throw error.name === 'AbortError' ? error : new Refused(0, { error: 'The studio does not answer.', hint: 'Start it again with `gany studio`.' });
  });
  if (response.ok) return response;
  const said = await response.json().catch(() => ({}));
  if (response.status === 413) said.error = 'The picture is too large.';
  throw new Refused(response.status, said);
}

/** The lines of a stream, each as JSON. */
export async function* lines(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split('\n');
    rest = parts.pop();
    for (const part of parts.filter(Boolean)) yield JSON.parse(part);
  }
}

/** An address for bytes; the one that was there before is given back. */
export function replaced(old, blob) {
  if (old) URL.revokeObjectURL(old);
  return URL.createObjectURL(blob);
}
