// How well a page keeps up with a run that says 200 things a second: how long it takes from a line being written to its step
// being shown, and how many frames a second the page draws meanwhile.
// Usage: GANY=target/release/gany node rates.mjs [EVENTS_A_SECOND] [SECONDS] > docs/results/studio/rates.json
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { chromium } from 'playwright-core';

const [rate, seconds] = [Number(process.argv[2] || 200), Number(process.argv[3] || 15)];
const gany = process.env.GANY;
const names = ['chromium', 'chromium-browser', 'google-chrome'];
const onPath = (process.env.PATH || '').split(delimiter).flatMap((folder) => names.map((name) => join(folder, name)));
const executablePath = process.env.CHROMIUM || onPath.find(existsSync);

const there = mkdtempSync(join(tmpdir(), 'studio-rates-'));
const run = join(there, 'rates');
const trained = spawnSync(gany, ['train', 'gan', '--data', 'ring', '--steps', '2', '--out', run], { stdio: ['ignore', 'ignore', 'inherit'] });
if (trained.status !== 0) throw new Error('the training failed');
const file = join(run, 'events.jsonl');
let step = readFileSync(file, 'utf8').trim().split('\n').map((line) => JSON.parse(line)).filter((event) => event.event === 'step').at(-1).step;

const studio = spawn(gany, ['studio', there, '--port', '0', '--json'], { stdio: ['ignore', 'pipe', 'inherit'] });
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
try {
  const [line] = await once(studio.stdout, 'data');
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  await page.goto(`${JSON.parse(line).address}#/runs/rates`);
  await page.getByRole('heading', { name: 'Losses' }).waitFor({ timeout: 60000 });
  // Both clocks are the machine's: the page notes when a number of steps stands in its first tile, frame by frame.
  await page.evaluate(() => {
    window.rates = { seen: [], frames: [] };
    let last = 0;
    const look = () => {
      const now = Date.now();
      window.rates.frames.push(performance.now());
      const shown = Number((document.querySelector('.tile dd')?.textContent || '').replaceAll(',', ''));
      if (shown > last) {
        last = shown;
        window.rates.seen.push([shown, now]);
      }
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
  const written = new Map();
  const first = step + 1;
  const begun = performance.now();
  let said = 0;
  while (performance.now() - begun < seconds * 1000) {
    const due = Math.floor(((performance.now() - begun) / 1000) * rate);
    for (; said < due; said += 1) {
      step += 1;
      const loss = 0.7 + 0.2 * Math.sin(step / 300);
      appendFileSync(file, `${JSON.stringify({ event: 'step', step, seconds: step / rate, images: step * 64, scalars: { 'loss.discriminator': loss, 'loss.generator': 1.4 - loss } })}\n`);
      written.set(step, Date.now());
    }
    await new Promise((done) => setTimeout(done, 2));
  }
  const took = (performance.now() - begun) / 1000;
  await page.waitForFunction((last) => window.rates.seen.at(-1)?.[0] >= last, step, { timeout: 30000 });
  const { seen, frames } = await page.evaluate(() => window.rates);
  // A step that was passed over between two messages is shown by the first later one.
  const delays = [];
  let at = 0;
  for (let one = first; one <= step; one += 1) {
    while (seen[at][0] < one) at += 1;
    delays.push(seen[at][1] - written.get(one));
  }
  delays.sort((a, b) => a - b);
  const gaps = frames.slice(1).map((time, i) => time - frames[i]).sort((a, b) => a - b);
  const share = (sorted, of) => Number(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * of))].toFixed(1));
  console.log(JSON.stringify({
    commit: spawnSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).stdout.trim(),
    what: 'milliseconds from writing a step into a run to the page showing it or a later one, and frames of the page meanwhile, in Chromium that draws in software on the same machine',
    processor: cpus()[0].model, cores: cpus().length, load_of_the_machine: loadavg()[0],
    events: delays.length, events_per_second: Number((delays.length / took).toFixed(1)), seconds: Number(took.toFixed(1)),
    delay_ms: { p50: share(delays, 0.5), p95: share(delays, 0.95), most: share(delays, 1) },
    frames_per_second: Number(((frames.length - 1) / ((frames.at(-1) - frames[0]) / 1000)).toFixed(1)),
    frame_ms: { p50: share(gaps, 0.5), p95: share(gaps, 0.95) },
    messages_shown: seen.length,
  }, null, 2));
} finally {
  await browser.close();
  studio.kill();
  rmSync(there, { recursive: true, force: true });
}
