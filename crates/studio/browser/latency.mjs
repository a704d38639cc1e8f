// How long it takes from moving a slider of the explorer to the picture being shown, for pictures of 64 pixels a side.
// Usage: GANY=target/release/gany node latency.mjs [RUN] [MOVES] > docs/results/studio/latency.json
// Without a run, a DCGAN of the paper's width is trained for a few steps: how good it is does not change how long it takes.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { basename, delimiter, dirname, join, resolve } from 'node:path';
import { chromium } from 'playwright-core';

const [given, moves = 200] = process.argv.slice(2);
const gany = process.env.GANY;
const names = ['chromium', 'chromium-browser', 'google-chrome'];
const onPath = (process.env.PATH || '').split(delimiter).flatMap((folder) => names.map((name) => join(folder, name)));
const executablePath = process.env.CHROMIUM || onPath.find(existsSync);

const there = mkdtempSync(join(tmpdir(), 'studio-latency-'));
const run = given ? resolve(given) : join(there, 'dcgan-64');
if (!given) {
  const trained = spawnSync(gany, ['train', 'dcgan', '--data', 'fashion-mnist-10k', '--size', '64', '--channels', '3', '--steps', '4', '--batch', '16', '--out', run], { stdio: ['ignore', 'ignore', 'inherit'] });
  if (trained.status !== 0) throw new Error('the training failed');
}

const studio = spawn(gany, ['studio', dirname(run), '--port', '0', '--json'], { stdio: ['ignore', 'pipe', 'inherit'] });
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
try {
  const [line] = await once(studio.stdout, 'data');
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  await page.goto(`${JSON.parse(line).address}#/explorer/${encodeURIComponent(basename(run))}`);
  await page.getByRole('img', { name: 'A map of pictures' }).waitFor({ timeout: 120000 });
  const times = await page.evaluate(async (moves) => {
    const portrait = document.querySelector('img.portrait');
    const slider = [...document.querySelectorAll('.slider')].find((one) => one.textContent.startsWith('Direction 1,')).querySelector('input');
    const frame = () => new Promise(requestAnimationFrame);
    const times = [];
    for (let i = -10; i < moves; i += 1) {
      await frame();
      const shown = new Promise((resolve) => { portrait.addEventListener('load', resolve, { once: true }); });
      const begun = performance.now();
      slider.value = String(((i + 10) % 79) / 10 - 3.9);
      slider.dispatchEvent(new Event('input', { bubbles: true }));
      await shown;
      // The frame after the next has it on the screen.
      await frame();
      await frame();
      if (i >= 0) times.push(performance.now() - begun);
    }
    return times.sort((a, b) => a - b);
  }, Number(moves));
  const at = (share) => Number(times[Math.min(times.length - 1, Math.floor(times.length * share))].toFixed(1));
  const described = JSON.parse(readFileSync(join(run, 'config.json'), 'utf8'));
  console.log(JSON.stringify({
    commit: spawnSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).stdout.trim(),
    what: 'milliseconds from moving a slider of the explorer to the second frame after its picture has come, in Chromium on the same machine',
    system: described.system, shape: described['data.shape'], width: described['settings.width'],
    processor: cpus()[0].model, cores: cpus().length, load_of_the_machine: loadavg()[0],
    moves: times.length, p50_ms: at(0.5), p95_ms: at(0.95), most_ms: at(1),
  }, null, 2));
} finally {
  await browser.close();
  studio.kill();
  rmSync(there, { recursive: true, force: true });
}
