// How many samples a second `gany serve` makes for many clients at once, with what waits made together and one by one; and the same
// network behind FastAPI and PyTorch, where PEER_PYTHON names a Python that has them (reference/serve.py; a `dcgan`'s run).
// Usage: GANY=target/release/gany [PEER_PYTHON=python3] node load.mjs RUN [SECONDS] > docs/results/studio/serving.json
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { Agent, get } from 'node:http';
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

const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
function fetched(address) {
  return new Promise((resolve, reject) => {
    get(address, { agent }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode));
    }).on('error', reject);
  });
}

/** Every client asks for its next sample when it has the last. */
async function load(base, clients, until) {
  const times = [];
  let refused = 0;
  let number = 0;
  const begun = performance.now();
  const ends = begun + until * 1000;
  await Promise.all(Array.from({ length: clients }, async () => {
    while (performance.now() < ends) {
      number += 1;
      const asked = performance.now();
      if (await fetched(`${base}v1/sample?seed=1&number=${number}`) === 200) times.push(performance.now() - asked);
      else refused += 1;
    }
  }));
  times.sort((a, b) => a - b);
  const at = (share) => Number(times[Math.min(times.length - 1, Math.floor(times.length * share))].toFixed(1));
  return { per_second: Number((times.length / ((performance.now() - begun) / 1000)).toFixed(1)), p50_ms: at(0.5), p99_ms: at(0.99), answered: times.length, refused };
}

const measured = {};
for (const [name, batch] of [['one by one', 1], ['together', 64], ['one by one, again', 1], ['together, again', 64]]) {
  const { child, base } = await serve(batch);
  await load(base, CLIENTS, 2);
  measured[name] = { batch, clients: CLIENTS, ...(await load(base, CLIENTS, Number(seconds))) };
  if (batch > 1) measured[`${name}, one client`] = { batch, clients: 1, ...(await load(base, 1, 3)) };
  child.kill();
  await once(child, 'exit');
}
for (const name of process.env.PEER_PYTHON ? ['FastAPI and PyTorch', 'FastAPI and PyTorch, again'] : []) {
  const { child, base } = await peer();
  await load(base, CLIENTS, 2);
  measured[name] = { clients: CLIENTS, ...(await load(base, CLIENTS, Number(seconds))) };
  measured[`${name}, one client`] = { clients: 1, ...(await load(base, 1, 3)) };
  child.kill();
  await once(child, 'exit');
}
const gain = (again) => measured[`together${again}`].per_second / measured[`one by one${again}`].per_second;
const described = JSON.parse(spawnSync('sh', ['-c', `cat "${run}/config.json"`], { encoding: 'utf8' }).stdout);
console.log(JSON.stringify({
  commit: spawnSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).stdout.trim(),
  what: 'samples as PNG over HTTP on loopback, each client asking again as soon as it is answered',
  system: described.system, shape: described['data.shape'], width: described['settings.width'],
  processor: cpus()[0].model, cores: cpus().length, load_of_the_machine: loadavg()[0],
  gain: [gain(''), gain(', again')].map((value) => Number(value.toFixed(2))), measured,
}, null, 2));
