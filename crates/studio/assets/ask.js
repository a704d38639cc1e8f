// Asking the studio, and noticing when it does not answer.

/** Why something was not done, in the studio's words. */
export class Refused extends Error {
  constructor(status, said) {
    super(said.error || `The studio answered with ${status}.`);
    this.status = status;
    this.hint = said.hint;
  }
}

const offline = document.getElementById('offline');
export function answers(is) {
  offline.hidden = is;
}

/** Asks for JSON. */
export async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name !== 'AbortError') answers(false);
    throw error.name === 'AbortError' ? error : new Refused(0, { error: 'The studio does not answer.', hint: 'Start it again with `gany studio`; trainings go on without it.' });
  }
  answers(true);
  const said = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(response.status, said);
  return said;
}

/** Tells the studio to do something. */
export function tell(path, body) {
  return ask(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
}

/** The address of something of a run. */
export function of(run, ...parts) {
  return ['/api/runs', run, ...parts].map((part, i) => (i === 0 ? part : encodeURIComponent(part))).join('/');
}

/** A run while it goes on: `see` is given every message. Comes back by itself when the studio does. */
export class Live {
  constructor(run, see, gone) {
    this.run = run;
    this.see = see;
    this.gone = gone;
    this.view = {};
    this.pause = 500;
    this.open();
  }

  open() {
    if (this.isOver) return;
    this.socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${of(this.run, 'live')}`);
    this.socket.onopen = () => {
      answers(true);
      this.pause = 500;
      this.ask();
    };
    this.socket.onmessage = (message) => this.see(JSON.parse(message.data));
    this.socket.onclose = async () => {
      if (this.isOver) return;
      const error = await ask(of(this.run)).then(() => null, (error) => error);
      if (error && error.status === 404) return this.gone(error);
      this.pause = Math.min(this.pause * 1.5, 5000);
      this.timer = setTimeout(() => this.open(), this.pause);
    };
  }

  /** Shows another part of the curves. */
  look(view) {
    this.view = view;
    this.ask();
  }

  ask() {
    if (this.socket.readyState === WebSocket.OPEN && Object.keys(this.view).length > 0) {
      this.socket.send(JSON.stringify(this.view));
    }
  }

  close() {
    this.isOver = true;
    clearTimeout(this.timer);
    this.socket.close();
  }
}
