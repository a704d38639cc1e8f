// How many samples a second `gany serve` makes for many clients at once, with what waits made together and one by one; and the same
// network behind FastAPI and PyTorch, where PEER_PYTHON names a Python that has them (reference/serve.py; a `dcgan`'s run).
// Usage: GANY=target/release/gany [PEER_PYTHON=python3] node load.mjs RUN [SECONDS] > docs/results/studio/serving.json
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';

const [run, seconds = 10] = process.argv.slice(2);
const gany = process.env.GANY;
const CLIENTS = 64;

const serve = (batch) => begun(gany, ['serve', run, '--port', '0', '--json', '--batch', String(batch)]);

function peer() {
  const saved = readdirSync(`${run}/checkpoints`).filter((name) => name.endsWith('.safetensors')).sort().at(-1);
  return begun(process.env.PEER_PYTHON, [fileURLToPath(new URL('../../../reference/serve.py', import.meta.url)), `${run}/checkpoints/${saved}`]);
}

/** A server that says its address in a line of JSON. */
async function begun(program, words) {
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(child.stdout, 'data');
  return { child, base: JSON.parse(line).address };
}

const MILLISECONDS = { us: 0.001, ms: 1, s: 1000 };

/** Every client asks for its next sample when it has the last: `wrk`, since a client in JavaScript would take as much of the processor as the server. */
function load(base, clients, seconds) {
  const script = fileURLToPath(new URL('load.lua', import.meta.url));
  const words = ['-t1', `-c${clients}`, `-d${seconds}s`, '--timeout', '30s', '--latency', '-s', script, base];
  const { stdout, status } = spawnSync('wrk', words, { encoding: 'utf8' });
  if (status !== 0) throw new Error('`wrk` is needed: apt-get install wrk');
  const at = (share) => {
    const [, value, unit] = stdout.match(new RegExp(`\\s${share}%\\s+([0-9.]+)(us|ms|s)`));
    return Number((Number(value) * MILLISECONDS[unit]).toFixed(1));
  };
  const number = (pattern) => Number((stdout.match(pattern) || [0, 0])[1]);
  return { per_second: number(/Requests\/sec:\s+([0-9.]+)/), p50_ms: at(50), p99_ms: at(99), answered: number(/([0-9]+) requests in/), refused: number(/Non-2xx or 3xx responses: ([0-9]+)/) };
}

const measured = {};
for (const [name, batch] of [['one by one', 1], ['together', 64], ['one by one, again', 1], ['together, again', 64]]) {
  const { child, base } = await serve(batch);
  load(base, CLIENTS, 2);
  measured[name] = { batch, clients: CLIENTS, ...load(base, CLIENTS, Number(seconds)) };
  if (batch > 1) measured[`${name}, one client`] = { batch, clients: 1, ...load(base, 1, 3) };
  child.kill();
  await once(child, 'exit');
}
for (const name of process.env.PEER_PYTHON ? ['FastAPI and PyTorch', 'FastAPI and PyTorch, again'] : []) {
  const { child, base } = await peer();
  load(base, CLIENTS, 2);
  measured[name] = { clients: CLIENTS, ...load(base, CLIENTS, Number(seconds)) };
  measured[`${name}, one client`] = { clients: 1, ...load(base, 1, 3) };
  child.kill();
  await once(child, 'exit');
}
const gain = (again) => measured[`together${again}`].per_second / measured[`one by one${again}`].per_second;
const described = JSON.parse(spawnSync('sh', ['-c', `cat "${run}/config.json"`], { encoding: 'utf8' }).stdout);
console.log(JSON.stringify({
  commit: spawnSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).stdout.trim(),
  what: 'samples as PNG over HTTP on loopback, each client of `wrk` asking again as soon as it is answered',
  system: described.system, shape: described['data.shape'], width: described['settings.width'],
  processor: cpus()[0].model, cores: cpus().length, load_of_the_machine: loadavg()[0],
  gain: [gain(''), gain(', again')].map((value) => Number(value.toFixed(2))), measured,
}, null, 2));
