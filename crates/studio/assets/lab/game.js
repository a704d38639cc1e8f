// A game on the server: what is wished of it, and the frames that it answers with.
import { answers } from '../ask.js';

/** The rows of a frame by name, beside what its head says. */
export function read(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const rows = {};
  let at = 4 + length;
  for (const [name, count] of head.rows) {
    rows[name] = new Float32Array(buffer, at, count);
    at += 4 * count;
  }
  return { ...head, rows };
}

/** One wish at a time: the next one is sent when the last one is answered, so a slow server is never flooded. */
export class Game {
  /** `told` has `ready`, `frame`, `refused` and `gone`. */
  constructor(told) {
    this.told = told;
    this.pause = 500;
    this.open();
  }

  open() {
    this.isWaiting = false;
    this.socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/api/lab/play`);
    this.socket.binaryType = 'arraybuffer';
    this.socket.onopen = () => {
      answers(true);
      this.pause = 500;
      if (this.next) this.send(this.next);
    };
    this.socket.onmessage = ({ data }) => {
      if (typeof data !== 'string') {
        this.answered();
        this.told.frame(read(data));
        return;
      }
      const said = JSON.parse(data);
      if (said.is === 'ready') {
        this.told.ready(said);
      } else {
        this.answered();
        this.told.refused(said);
      }
    };
    this.socket.onclose = ({ reason }) => {
      this.isWaiting = false;
      if (this.isOver) return;
      if (['idle', 'broken', 'no room'].includes(reason)) {
        this.isClosed = true;
        this.told.gone(reason);
        return;
      }
      answers(false);
      this.timer = setTimeout(() => this.open(), this.pause);
      this.pause = Math.min(this.pause * 1.5, 5000);
      this.told.gone('');
    };
  }

  /** Another game. */
  set(setup) {
    this.next = { do: 'set', setup };
    if (this.isClosed) {
      this.isClosed = false;
      this.open();
    } else if (this.isFree) {
      this.send(this.next);
    }
  }

  go(steps, measure) {
    if (this.isFree) this.send({ do: 'go', steps, measure });
  }

  stage() {
    if (this.isFree) this.send({ do: 'stage' });
  }

  get isFree() {
    return !this.isWaiting && this.socket.readyState === WebSocket.OPEN;
  }

  send(wish) {
    if (wish === this.next) this.next = null;
    this.isWaiting = true;
    this.socket.send(JSON.stringify(wish));
  }

  answered() {
    this.isWaiting = false;
    if (this.next) this.send(this.next);
  }

  close() {
    this.isOver = true;
    clearTimeout(this.timer);
    this.socket.close();
  }
}
