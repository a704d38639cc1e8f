// Elements, and what is said to people who cannot see them.

/** An element: `h('p', { class: 'soft' }, 'text', child)`. Properties that begin with `on` listen; `false` and nothing are left out. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name === 'value' || name === 'checked' || name === 'disabled') element[name] = value;
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Puts children in the place of what was there. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Changes a text only where it is another one, so that what is read aloud is not read again. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Says something to screen readers. */
export function say(text) {
  const said = document.getElementById('said');
  said.textContent = '';
  setTimeout(() => { said.textContent = text; }, 50);
}

/** What is shown instead of something that failed. */
export function trouble(error) {
  return h('div', { class: 'trouble', role: 'alert' },
    h('strong', {}, error.message || String(error)),
    error.hint && h('p', {}, error.hint));
}

/** What is shown while something is fetched. */
export function waiting(count = 3) {
  return h('div', { class: 'wait', role: 'status', 'aria-label': 'Loading' }, Array.from({ length: count }, () => h('div')));
}

/** What is shown where there is nothing. */
export function empty(title, text, ...more) {
  return h('div', { class: 'empty' }, h('h2', {}, title), h('p', {}, text), ...more);
}

let numbers = 0;
/** A name for an element that no other has. */
export function fresh(name) {
  numbers += 1;
  return `${name}-${numbers}`;
}

/** A labelled control with a word of help. */
export function field(label, control, help) {
  control.id = control.id || fresh('field');
  const helped = help && h('span', { class: 'help', id: `${control.id}-help` }, help);
  if (helped) control.setAttribute('aria-describedby', helped.id);
  return h('div', { class: 'field' }, h('label', { for: control.id }, label), control, helped);
}

/** A dialog that is gone when it closes; gives what it closed with. */
export function dialog(title, content) {
  const heading = h('h2', { id: fresh('dialog') }, title);
  const shown = h('dialog', { 'aria-labelledby': heading.id }, h('div', { class: 'stack' }, heading, content));
  document.body.append(shown);
  shown.showModal();
  return new Promise((resolve) => {
    shown.addEventListener('close', () => {
      shown.remove();
      resolve(shown.returnValue);
    });
  });
}
