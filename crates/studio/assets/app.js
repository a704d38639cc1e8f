// The page: which view is shown, and in which colours.
import { fill, h, trouble } from './dom.js';
import { ask } from './ask.js';
import { runs } from './runs.js';
import { run } from './run.js';
import { compare } from './compare.js';
import { start } from './start.js';
import { explorer, explorers } from './explorer/explorer.js';
import { lab } from './lab/lab.js';
import { nash } from './lab/nash.js';

// A view is given the parts of its address and fills the element; it gives what is to be done when it is left.
const views = [
  [/^\/runs$/, runs],
  [/^\/runs\/([^/]+)$/, run],
  [/^\/compare$/, compare],
  [/^\/new$/, start],
  [/^\/explorer$/, explorers],
  [/^\/explorer\/([^/]+)$/, explorer],
  [/^\/lab$/, lab],
  [/^\/lab\/nash$/, nash],
];

const main = document.getElementById('main');
let leave = () => {};
let isFirst = true;

async function show() {
  const [path, query] = (location.hash.slice(1) || '/runs').split('?');
  leave();
  leave = () => {};
  const place = h('div');
  fill(main, place);
  const found = views.map(([pattern, view]) => [path.match(pattern), view]).find(([match]) => match);
  for (const link of document.querySelectorAll('#navigation a')) {
    if (path.startsWith(link.getAttribute('href').slice(1))) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  if (!isFirst) {
    main.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }
  isFirst = false;
  if (!found) {
    title('Not here');
    fill(place, trouble({ message: 'There is no such page.', hint: 'The runs are where they were: choose Runs above.' }));
    return;
  }
  const [match, view] = found;
  try {
    leave = view(place, { parts: match.slice(1).map(decodeURIComponent), query: new URLSearchParams(query || ''), title }) || (() => {});
  } catch (error) {
    fill(place, trouble(error));
  }
}

function title(text) {
  document.title = text ? `${text} · Ganymede studio` : 'Ganymede studio';
}

// Colours: what the system has, until somebody chooses.
const themes = window.matchMedia('(prefers-color-scheme: dark)');
const button = document.getElementById('theme');
function paint() {
  const chosen = localStorage.getItem('theme');
  const theme = chosen || (themes.matches ? 'dark' : 'light');
  document.documentElement.dataset.theme = theme;
  button.textContent = theme === 'dark' ? '☀' : '☾';
  button.setAttribute('aria-label', theme === 'dark' ? 'Use light colours' : 'Use dark colours');
  window.dispatchEvent(new Event('painted'));
}
button.addEventListener('click', () => {
  localStorage.setItem('theme', document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark');
  paint();
});
themes.addEventListener('change', paint);
paint();

document.getElementById('skip').addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
});
window.addEventListener('hashchange', show);
show();
ask('/api/about').catch(() => {});
