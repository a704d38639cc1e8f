// Numbers, times and names as people read them.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

export function count(number) {
  return number === null || number === undefined ? '–' : whole.format(number);
}

/** Four digits, whatever the size. */
export function figure(number) {
  if (number === null || number === undefined || Number.isNaN(number)) return '–';
  if (!Number.isFinite(number)) return number > 0 ? '∞' : '−∞';
  const size = Math.abs(number);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return number.toExponential(2).replace('-', '−');
  const digits = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : size >= 1 ? 3 : 4;
  return number.toFixed(digits).replace('-', '−');
}

export function clock(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return '–';
  const all = Math.max(0, Math.round(seconds));
  const [hours, minutes, rest] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  if (hours > 0) return `${hours} h ${String(minutes).padStart(2, '0')} min`;
  if (minutes > 0) return `${minutes} min ${String(rest).padStart(2, '0')} s`;
  return `${rest} s`;
}

export function pace(perSecond) {
  if (!perSecond) return '–';
  return perSecond >= 100 ? count(perSecond) : perSecond.toFixed(1);
}

/** `2026-05-04T03:02:01Z` in the reader's own time. */
export function when(text) {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? '–' : date.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
}

const states = {
  training: 'Training', finished: 'Finished', stopped: 'Stopped', interrupted: 'Interrupted', unreadable: 'Not readable',
};
export function stateName(state) {
  return states[state] || state;
}

/** `loss.generator` as a heading and a name: Losses, generator. */
const groups = {
  loss: 'Losses', accuracy: 'Accuracy of the judge', probability: 'What the judge believes', gradient_norm: 'Gradient norms', gradient: 'Gradient norms', penalty: 'Penalties',
  dead: 'Dead units', update: 'Size of updates', samples: 'Spread of samples', judged: 'Mean verdicts', signal: 'Signal to the generator',
};
export function groupOf(name) {
  const [first, ...rest] = name.split('.');
  if (rest.length === 0) return { group: 'Other', name: plain(first) };
  return { group: groups[first] || capital(plain(first)), name: plain(rest.join(' ')) };
}

export function plain(text) {
  return text.replaceAll('_', ' ').replaceAll('-', ' ');
}

export function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
