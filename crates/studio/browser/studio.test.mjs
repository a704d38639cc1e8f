// The studio in a real browser. `cargo xtask browser` runs this; GANY names the program, CHROMIUM the browser, and
// ASSETS a folder of page files that are worked on.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { appendFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';

const gany = process.env.GANY;
const shots = process.env.SHOTS || join(tmpdir(), 'studio-shots');
const names = ['chromium', 'chromium-browser', 'google-chrome'];
const onPath = (process.env.PATH || '').split(delimiter).flatMap((folder) => names.map((name) => join(folder, name)));
const executablePath = process.env.CHROMIUM || onPath.find(existsSync);
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const there = mkdtempSync(join(tmpdir(), 'studio-'));
const runs = join(there, 'runs');
let browser;
let studio;
let port;

/** Starts the studio; gives its process once it listens. */
function serve(wanted = 0) {
  const child = spawn(gany, ['studio', runs, '--port', String(wanted), '--json', ...(process.env.ASSETS ? ['--assets', process.env.ASSETS] : [])], { stdio: ['ignore', 'pipe', 'inherit'] });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the studio ended with ${code}`)));
    child.stdout.once('data', (line) => {
      port = new URL(JSON.parse(line).address).port;
      resolve(child);
    });
  });
}

function end(child, signal = 'SIGTERM') {
  return new Promise((resolve) => {
    child.removeAllListeners('exit');
    child.once('exit', resolve);
    child.kill(signal);
  });
}

const home = () => `http://127.0.0.1:${port}/`;

/** A page in which nothing may go wrong. */
async function open(route, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(20000);
  page.wrong = [];
  page.on('pageerror', (error) => page.wrong.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && !/Failed to load resource|WebSocket connection/.test(message.text())) page.wrong.push(message.text());
  });
  await page.goto(`${home()}#${route}`);
  return page;
}

async function close(page) {
  assert.deepEqual(page.wrong, []);
  await page.context().close();
}

/** The faults that axe finds serious or worse. */
async function faults(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => axe.run({ resultTypes: ['violations'] }));
  return found.violations.filter((one) => ['serious', 'critical'].includes(one.impact))
    .map((one) => `${one.id}: ${one.nodes.map((node) => node.target.join(' ')).join(', ')}`);
}

/** Starts a run as the page does. */
async function start(wish) {
  const response = await fetch(`${home()}api/runs`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(wish) });
  assert.equal(response.status, 200, await response.clone().text());
  return (await response.json()).name;
}

async function state(name) {
  return (await fetch(`${home()}api/runs/${name}`)).json();
}

async function until(what, is, seconds = 60) {
  const begun = Date.now();
  while (!(await is())) {
    assert.ok(Date.now() - begun < seconds * 1000, `${what}: not within ${seconds} s`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

const small = { system: 'dcgan', data: 'fashion-mnist', settings: { width: '4', batch: '16' } };

before(async () => {
  assert.ok(gany, 'GANY names the program');
  assert.ok(executablePath, 'there is a browser: CHROMIUM names it');
  rmSync(shots, { recursive: true, force: true });
  mkdirSync(shots, { recursive: true });
  studio = await serve();
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
});

after(async () => {
  await browser?.close();
  if (studio) await end(studio);
  rmSync(there, { recursive: true, force: true });
});

test('an empty studio says how to begin, and a run is started from the form', async () => {
  const page = await open('/runs');
  await page.getByRole('heading', { name: 'No runs yet' }).waitFor();
  assert.deepEqual(await faults(page), []);
  await page.screenshot({ path: join(shots, 'empty.png') });
  await page.getByRole('link', { name: 'Start the first run' }).click();
  await page.getByLabel('System', { exact: true }).selectOption('dcgan');
  await page.getByLabel('Data', { exact: true }).fill('no-such-data');
  await page.getByRole('radio', { name: 'Steps' }).check();
  await page.getByRole('spinbutton', { name: 'Steps' }).fill('120');
  await page.getByText('Settings of the system').click();
  await page.getByLabel('width', { exact: true }).fill('4');
  await page.getByRole('button', { name: 'Start training' }).click();
  await page.getByRole('alert').filter({ hasText: 'unknown data set' }).waitFor();
  assert.deepEqual(await faults(page), []);
  await page.getByLabel('Data', { exact: true }).fill('fashion-mnist');
  await page.getByRole('button', { name: 'Start training' }).click();
  await page.getByRole('heading', { name: 'dcgan-fashion-mnist' }).waitFor();
  await page.getByRole('img', { name: /Sample grid after step/ }).waitFor();
  await page.getByText('Losses').waitFor();
  await page.locator('.badge.finished').waitFor({ timeout: 60000 });
  await page.getByText('of 120').waitFor();
  const { settings } = await state('dcgan-fashion-mnist');
  assert.equal(settings['settings.width'], 4);
  await close(page);
});

test('time is scrubbed, the film plays, and real pictures stand beside', async () => {
  const page = await open('/runs/dcgan-fashion-mnist');
  const time = page.getByRole('slider', { name: 'Training time' });
  await time.focus();
  await page.keyboard.press('Home');
  await page.getByRole('img', { name: 'Sample grid after step 0', exact: true }).waitFor();
  await page.getByRole('button', { name: 'Play the film' }).click();
  await page.getByRole('img', { name: 'Sample grid after step 120', exact: true }).waitFor();
  assert.equal(await time.getAttribute('aria-valuetext'), 'step 120');
  await page.getByLabel('Real pictures beside').check();
  const real = page.getByRole('img', { name: 'Real pictures of the data' });
  await until('real pictures', () => real.evaluate((image) => image.naturalWidth > 100));
  await page.getByText('Events', { exact: true }).click();
  await page.getByRole('cell', { name: 'Checkpoint' }).first().waitFor();
  assert.deepEqual(await faults(page), []);
  await close(page);
});

test('a run is stopped, resumed, tagged, found, put away and brought back', async () => {
  const name = await start({ ...small, steps: 100000, name: 'long' });
  const page = await open(`/runs/${name}`);
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.locator('.badge.stopped').waitFor({ timeout: 30000 });
  const { digest } = await state(name);
  await page.getByRole('button', { name: 'Resume' }).click();
  await page.locator('.badge.training').waitFor({ timeout: 30000 });
  await until('goes on', async () => (await state(name)).digest.step > digest.step);
  assert.equal(await page.getByRole('button', { name: 'Delete' }).isDisabled(), true, 'what trains cannot be deleted');
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.locator('.badge.stopped').waitFor({ timeout: 30000 });
  await page.getByRole('button', { name: 'Tags' }).click();
  await page.getByLabel('Tags, with commas between them').fill('paper, good');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.locator('.tag', { hasText: 'good' }).waitFor();
  await page.getByRole('button', { name: 'Delete' }).click();
  assert.deepEqual(await faults(page), []);
  await page.getByRole('button', { name: 'Keep it' }).click();
  assert.equal((await state(name)).name, name);
  await page.getByRole('link', { name: 'Runs', exact: true }).click();
  await page.getByRole('searchbox').fill('paper');
  await page.getByText('1 of 2 runs').waitFor();
  await page.getByRole('link', { name }).click();
  await page.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('button', { name: 'Move to trash' }).click();
  await page.getByText('1 run', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Trash' }).click();
  await page.getByRole('button', { name: 'Put back' }).click();
  await page.getByText('The trash is empty.').waitFor();
  await page.keyboard.press('Escape');
  await page.getByText('2 runs', { exact: true }).waitFor();
  await close(page);
});

test('alarms are told as they are raised', async () => {
  const page = await open('/runs/dcgan-fashion-mnist');
  await page.getByRole('heading', { name: 'Losses' }).waitFor();
  const alarm = {
    event: 'alarm', step: 110, name: 'mode-collapse', meaning: 'The samples are nearly the same.', player: 'generator',
    evidence: { spread: 0.02 }, cure: 'Use a smaller learning rate.', settings: { 'generator.learning_rate': '0.0001' },
  };
  const begun = Date.now();
  appendFileSync(join(runs, 'dcgan-fashion-mnist', 'events.jsonl'), `${JSON.stringify(alarm)}\n`);
  await page.getByRole('heading', { name: /Mode collapse/ }).waitFor();
  const delay = Date.now() - begun;
  console.log(`# an alarm is seen after ${delay} ms`);
  await page.getByText('Use a smaller learning rate.').waitFor();
  await page.getByRole('link', { name: 'Clone with this cure' }).click();
  const rate = page.getByLabel('generator › learning rate');
  await rate.waitFor();
  assert.equal(await rate.inputValue(), '0.0001');
  await close(page);
});

test('several runs are compared', async () => {
  const page = await open('/runs');
  await page.getByLabel('Compare dcgan-fashion-mnist').check();
  await page.getByLabel('Compare long').check();
  await page.getByRole('link', { name: 'Compare 2' }).click();
  await page.getByRole('heading', { name: 'Losses: generator' }).waitFor();
  await page.getByRole('rowheader', { name: 'settings.batch' }).waitFor();
  assert.deepEqual(await faults(page), []);
  await page.screenshot({ path: join(shots, 'compare.png'), fullPage: true });
  await close(page);
});

test('a generator is explored', async () => {
  const page = await open('/explorer');
  await page.getByRole('link', { name: 'dcgan-fashion-mnist' }).click();
  const portrait = page.getByRole('img', { name: 'The picture of this code' });
  await portrait.waitFor({ timeout: 60000 });
  const shown = () => portrait.getAttribute('src');
  await until('a picture', shown);
  for (const act of [
    () => page.getByRole('button', { name: 'Another' }).click(),
    async () => { await page.getByLabel(/^Direction 1,/).focus(); await page.keyboard.press('End'); },
    async () => { await page.getByLabel('Truncation').focus(); await page.keyboard.press('Home'); },
  ]) {
    const old = await shown();
    await act();
    await until('another picture', async () => (await shown()) !== old);
  }
  await page.getByRole('button', { name: 'Draw the map' }).click();
  const cell = page.getByRole('button', { name: 'Go to -3 across, 3 down' });
  await cell.waitFor();
  await cell.press('Enter');
  await page.getByRole('button', { name: 'Make the film' }).click();
  await page.getByRole('img', { name: 'A walk from sample to sample' }).waitFor({ timeout: 60000 });
  await page.getByLabel('Updates').fill('10');
  await page.getByLabel('Picture', { exact: true }).setInputFiles(join(runs, 'dcgan-fashion-mnist/samples/step-0000100.png'));
  await page.getByRole('button', { name: 'Look for it' }).click();
  await page.getByText('Found:').waitFor({ timeout: 60000 });
  await page.getByLabel('Picture', { exact: true }).setInputFiles({ name: 'bomb.png', mimeType: 'image/png', buffer: Buffer.from('no picture') });
  await page.getByRole('button', { name: 'Look for it' }).click();
  await page.getByRole('alert').filter({ hasText: 'not a picture' }).waitFor();
  assert.deepEqual(await faults(page), []);
  await close(page);
});

test('a page lives through the end of the studio, and so does a training', async () => {
  const name = await start({ ...small, steps: 100000, name: 'survivor' });
  const page = await open(`/runs/${name}`);
  await page.getByRole('heading', { name: 'Losses' }).waitFor();
  await end(studio, 'SIGKILL');
  await page.locator('#offline:not([hidden])').waitFor({ timeout: 20000 });
  await page.screenshot({ path: join(shots, 'disconnected.png') });
  studio = await serve(port);
  await page.locator('#offline[hidden]').waitFor({ state: 'attached', timeout: 20000 });
  const { digest, state: now } = await state(name);
  assert.equal(now, 'training', 'nobody told the training');
  await until('the page goes on', async () => {
    const text = await page.locator('.tile dd').first().textContent();
    return Number(text.replaceAll(',', '')) > digest.step;
  });
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.locator('.badge.stopped').waitFor({ timeout: 30000 });
  await close(page);
});

test('twenty pages are open at once', async () => {
  const name = await start({ ...small, steps: 100000, name: 'watched' });
  const context = await browser.newContext();
  const pages = await Promise.all(Array.from({ length: 20 }, async () => {
    const page = await context.newPage();
    await page.goto(`${home()}#/runs/${name}`, { timeout: 90000 });
    return page;
  }));
  const step = (page) => page.locator('.tile dd').first().textContent();
  await Promise.all(pages.map((page) => page.locator('.tile dd').first().waitFor({ timeout: 90000 })));
  const before = await Promise.all(pages.map(step));
  await Promise.all(pages.map((page, i) => until('a page goes on', async () => (await step(page)) !== before[i])));
  await fetch(`${home()}api/runs/${name}/stop`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' });
  await Promise.all(pages.map((page) => page.locator('.badge.stopped').waitFor({ timeout: 30000 })));
  await context.close();
});

test('a million recorded steps are shown whole and in part', { timeout: 300000 }, async () => {
  cpSync(join(runs, 'dcgan-fashion-mnist'), join(runs, 'million'), { recursive: true });
  const file = join(runs, 'million', 'events.jsonl');
  const first = readFileSync(file, 'utf8').split('\n')[0];
  rmSync(file);
  appendFileSync(file, `${first}\n`);
  let lines = [];
  for (let step = 1; step <= 1e6; step += 1) {
    const loss = 0.7 + 0.2 * Math.sin(step / 40000);
    lines.push(`{"event":"step","step":${step},"seconds":${step / 100},"images":${step * 64},"scalars":{"loss.discriminator":${loss.toFixed(4)},"loss.generator":${step === 612345 ? 99 : (1.4 - loss).toFixed(4)}}}`);
    if (lines.length === 50000) {
      appendFileSync(file, `${lines.join('\n')}\n`);
      lines = [];
    }
  }
  const page = await open('/runs/million');
  const begun = Date.now();
  await page.getByRole('heading', { name: 'Losses' }).waitFor({ timeout: 240000 });
  console.log(`# a million steps are drawn after ${Date.now() - begun} ms`);
  const asked = Date.now();
  const { curves } = { curves: await (await fetch(`${home()}api/runs/million/curves?points=500`)).json() };
  console.log(`# and thinned out in ${Date.now() - asked} ms`);
  assert.equal(curves.steps.length, 500);
  assert.equal(Math.max(...curves.series['loss.generator'].max), 99, 'no spike is lost');
  const frames = await page.evaluate(async () => {
    const plot = document.querySelector('.u-over');
    const { left, top, width } = plot.getBoundingClientRect();
    let frames = 0;
    const begun = performance.now();
    while (performance.now() - begun < 2000) {
      await new Promise(requestAnimationFrame);
      const x = left + width * ((frames % 100) / 100);
      plot.dispatchEvent(new MouseEvent('mousemove', { clientX: x, clientY: top + 50, bubbles: true }));
      frames += 1;
    }
    return frames / 2;
  });
  console.log(`# the cursor moves over them at ${frames} frames a second`);
  await close(page);
  rmSync(join(runs, 'million'), { recursive: true });
});

test('every view fits from a phone to a large screen, in both colours, without serious faults', { timeout: 300000 }, async () => {
  for (const [width, height] of [[360, 780], [1024, 768], [2560, 1440]]) {
    for (const [scheme, routes] of [['light', ['/runs', '/runs/dcgan-fashion-mnist', '/new', '/explorer/dcgan-fashion-mnist']], ['dark', ['/runs', '/runs/dcgan-fashion-mnist']]]) {
      const page = await open('/runs', { viewport: { width, height }, colorScheme: scheme, reducedMotion: 'reduce' });
      for (const route of routes) {
        await page.goto(`${home()}#${route}`);
        await page.locator('main .card').first().waitFor({ timeout: 60000 });
        await page.waitForLoadState('networkidle');
        const { scrollWidth, innerWidth } = await page.evaluate(() => ({ scrollWidth: document.documentElement.scrollWidth, innerWidth }));
        assert.ok(scrollWidth <= innerWidth, `${route} is ${scrollWidth} wide on ${innerWidth}`);
        assert.deepEqual(await faults(page), [], `${route} at ${width}, ${scheme}`);
        await page.screenshot({ path: join(shots, `${route.slice(1).replaceAll('/', '-')}-${width}-${scheme}.png`), fullPage: width < 500 });
      }
      await close(page);
    }
  }
});

test('what is not there is said so', async () => {
  const page = await open('/runs/no-such-run');
  await page.getByRole('alert').filter({ hasText: 'there is no run `no-such-run`' }).first().waitFor();
  await page.goto(`${home()}#/nowhere`);
  await page.getByRole('alert').filter({ hasText: 'no such page' }).waitFor();
  await close(page);
});
