// The lab in a real browser. GANY names the program, CHROMIUM the browser; FIGURES, where it is named, is the file that what was
// measured is written to, and SHOTS the folder of the pictures.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, loadavg, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';

const gany = process.env.GANY;
const shots = process.env.SHOTS || join(tmpdir(), 'lab-shots');
const names = ['chromium', 'chromium-browser', 'google-chrome'];
const onPath = (process.env.PATH || '').split(delimiter).flatMap((folder) => names.map((name) => join(folder, name)));
const executablePath = process.env.CHROMIUM || onPath.find(existsSync);
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const there = mkdtempSync(join(tmpdir(), 'lab-'));
const figures = {};
let browser;
let studio;
let port;

before(async () => {
  assert.ok(gany, 'GANY names the program');
  assert.ok(executablePath, 'there is a browser: CHROMIUM names it');
  mkdirSync(shots, { recursive: true });
  studio = spawn(gany, ['studio', join(there, 'runs'), '--port', '0', '--json'], { stdio: ['ignore', 'pipe', 'inherit'] });
  port = await new Promise((resolve, reject) => {
    studio.once('error', reject);
    studio.stdout.once('data', (line) => resolve(new URL(JSON.parse(line).address).port));
  });
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
});

after(async () => {
  await browser?.close();
  if (studio) await new Promise((resolve) => { studio.once('exit', resolve); studio.kill(); });
  rmSync(there, { recursive: true, force: true });
  if (process.env.FIGURES) writeFileSync(process.env.FIGURES, `${JSON.stringify(figures, null, 2)}\n`);
});

const home = () => `http://127.0.0.1:${port}/`;

/** A page in which nothing may go wrong. */
async function open(route, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 960 }, ...options });
  const page = await context.newPage();
  page.wrong = [];
  page.on('pageerror', (error) => page.wrong.push(error.message));
  page.on('console', (message) => { if (message.type() === 'error') page.wrong.push(message.text()); });
  await page.goto(`${home()}#${route}`);
  return page;
}

async function close(page) {
  assert.deepEqual(page.wrong, []);
  await page.context().close();
}

async function ready(page) {
  await page.locator('.lab-plane canvas[data-step]').waitFor();
}

const step = (page) => page.locator('.lab-plane canvas').evaluate((canvas) => Number(canvas.dataset.step));
const stage = (page) => page.locator('.lab-plane canvas').evaluate((canvas) => canvas.dataset.stage);

async function until(what, is, seconds = 60) {
  const begun = Date.now();
  while (!(await is())) {
    assert.ok(Date.now() - begun < seconds * 1000, `${what}: not within ${seconds} s`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

async function faults(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => axe.run({ resultTypes: ['violations'] }));
  return found.violations.filter((one) => ['serious', 'critical'].includes(one.impact))
    .map((one) => `${one.id}: ${one.nodes.map((node) => node.target.join(' ')).join(', ')}`);
}

/** Seconds of processor time that the browser's processes have taken; nothing where the system does not say. */
function browserSeconds() {
  if (!existsSync('/proc/self/stat')) return null;
  const all = readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name)).map((pid) => {
    try {
      const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
      return { pid, parent: fields[1], ticks: Number(fields[11]) + Number(fields[12]) };
    } catch {
      return null;
    }
  }).filter(Boolean);
  const ours = new Set([String(process.pid)]);
  for (let grew = true; grew;) {
    grew = false;
    for (const one of all) {
      if (ours.has(one.parent) && !ours.has(one.pid) && one.pid !== String(studio.pid)) grew = Boolean(ours.add(one.pid));
    }
  }
  ours.delete(String(process.pid));
  return all.filter((one) => ours.has(one.pid)).reduce((sum, one) => sum + one.ticks, 0) / 100;
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

test('a game plays, at thirty frames a second or more', async () => {
  const page = await open('/lab');
  await ready(page);
  await page.getByRole('button', { name: 'Play' }).click();
  await until('it goes on', async () => (await step(page)) > 20);
  const begun = browserSeconds();
  // Every frame that was drawn, by the browser's own clock, and what the server did meanwhile.
  const measured = await page.evaluate(() => new Promise((resolve) => {
    const canvas = document.querySelector('.lab-plane canvas');
    const at = [];
    const [drawn, step] = [Number(canvas.dataset.drawn), Number(canvas.dataset.step)];
    const tick = (now) => {
      at.push(now);
      if (now - at[0] < 10_000) requestAnimationFrame(tick);
      else resolve({ gaps: at.slice(1).map((one, i) => one - at[i]), seconds: (now - at[0]) / 1000, drawn: Number(canvas.dataset.drawn) - drawn, steps: Number(canvas.dataset.step) - step, pixels: canvas.width });
    };
    requestAnimationFrame(tick);
  }));
  const rate = measured.drawn / measured.seconds;
  const taken = begun === null ? null : browserSeconds() - begun;
  const slow = [...measured.gaps].sort((a, b) => a - b)[Math.floor(measured.gaps.length * 0.95)];
  Object.assign(figures, {
    what: 'the lab in headless Chromium, drawing in software: ring, gan, two steps a frame, ten seconds',
    frames_per_second: Number(rate.toFixed(1)), frame_ms_median: Number(median(measured.gaps).toFixed(1)), frame_ms_95th: Number(slow.toFixed(1)),
    browser_processor_ms_per_frame: taken === null ? null : Number(((1000 * taken) / measured.drawn).toFixed(1)), load_average: Number(loadavg()[0].toFixed(1)),
    steps_per_second: Math.round(measured.steps / measured.seconds), canvas_pixels: measured.pixels, browser: browser.version(), processor: cpus()[0].model, cores: cpus().length,
  });
  await page.screenshot({ path: join(shots, 'lab-playing.png') });
  assert.ok(rate >= 30, `${rate.toFixed(1)} frames a second`);
  await page.getByRole('button', { name: 'Pause' }).click();
  assert.deepEqual(await faults(page), []);
  await close(page);
});

test('the six stages of a step come one after the other, with the equation of each', async () => {
  const page = await open('/lab?system=wgan_gp&data=moons&n_critic=2');
  await ready(page);
  const wanted = ['noise', 'generate', 'discriminate', 'judge-loss', 'judge-update', 'noise', 'generate', 'discriminate', 'judge-loss', 'judge-update', 'generator', 'noise'];
  for (const [number, one] of wanted.entries()) {
    await page.getByRole('button', { name: 'Stage', exact: true }).click();
    await until(one, async () => (await stage(page)) === one, 20);
    await page.locator(`.lab-stages [data-stage="${one}"][aria-current="step"]`).waitFor();
    assert.equal(await step(page), number < 11 ? 0 : 1);
    if (one === 'judge-loss') await page.locator('.lab-stage-words .now', { hasText: 'L_D' }).first().waitFor();
    if (one === 'generator') await page.locator('.lab-stage-words .now', { hasText: 'L_G' }).first().waitFor();
    if (number >= 5 && number < 11) {
      await page.waitForTimeout(1100);
      await page.screenshot({ path: join(shots, `stage-${number - 4}-${one}.png`) });
    }
  }
  // A step that was looked at from within is an ordinary step behind it.
  await page.getByRole('button', { name: 'Step', exact: true }).click();
  await until('a step', async () => (await step(page)) === 2);
  await close(page);
});

test('every objective can be chosen and plays', async () => {
  const { systems } = await (await fetch(`${home()}api/lab`)).json();
  assert.ok(systems.length >= 14);
  const page = await open('/lab');
  await ready(page);
  for (const { id } of systems) {
    await page.getByLabel('Objective', { exact: true }).selectOption(id);
    await page.locator(`.lab-plane canvas[data-ready="${id}"]`).waitFor();
    await page.getByRole('button', { name: 'Step', exact: true }).click();
    await until(`${id} steps`, async () => (await step(page)) >= 1);
    assert.equal(await page.locator('.trouble').count(), 0, id);
  }
  await page.getByLabel('Generator: optimiser').selectOption('sgd');
  await page.getByLabel('Generator: learning rate').fill('0.05');
  await page.getByLabel('Generator: learning rate').blur();
  await until('another optimiser', async () => (await page.evaluate(() => location.hash)).includes('generator.name=sgd'));
  await page.getByLabel('Generator: learning rate').fill('fast');
  await page.getByLabel('Generator: learning rate').blur();
  await page.locator('.trouble').getByText('expected a number').waitFor();
  await close(page);
});

test('what is painted is learnt, and the address holds it', async () => {
  const page = await open('/lab');
  await ready(page);
  await page.getByText('Paint your own').click();
  const canvas = page.locator('.painting');
  await canvas.scrollIntoViewIfNeeded();
  const box = await canvas.boundingBox();
  await page.mouse.move(box.x + 0.25 * box.width, box.y + 0.3 * box.height);
  await page.mouse.down();
  await page.mouse.move(box.x + 0.75 * box.width, box.y + 0.6 * box.height, { steps: 8 });
  await page.mouse.up();
  await until('an address', async () => (await page.evaluate(() => location.hash)).includes('painted='));
  const address = await page.evaluate(() => location.hash);
  assert.ok(address.length < 1200, `${address.length} letters`);
  figures.address_of_a_painting_letters = address.length;
  await page.getByRole('button', { name: 'Play' }).click();
  await until('it learns', async () => (await step(page)) > 100);
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.screenshot({ path: join(shots, 'lab-painted.png') });
  const other = await open(address.slice(1));
  await ready(other);
  const wasserstein = (of) => of.locator('.lab-tiles dd').nth(2).textContent();
  await page.getByRole('button', { name: 'Restart' }).click();
  await until('from the beginning', async () => (await step(page)) === 0);
  assert.equal(await wasserstein(page), await wasserstein(other), 'the same game');
  await close(other);
  await close(page);
});

test('a lesson fails and is cured', async () => {
  const page = await open('/lab');
  await ready(page);
  await page.getByRole('button', { name: 'Vanishing gradient', exact: true }).click();
  await until('it fails', async () => (await step(page)) > 300, 120);
  await page.screenshot({ path: join(shots, 'lesson-broken.png') });
  await page.getByRole('button', { name: 'Cure it' }).click();
  await until('it is cured', async () => (await step(page)) > 300, 120);
  await page.screenshot({ path: join(shots, 'lesson-cured.png') });
  assert.match(await page.evaluate(() => location.hash), /lesson=vanishing-gradient/);
  await close(page);
});

test('the lab is played by keys alone', async () => {
  const page = await open('/lab');
  await ready(page);
  await page.locator('.lab-plane').focus();
  await page.keyboard.press('ArrowRight');
  await until('a step', async () => (await step(page)) === 1);
  await page.keyboard.press('s');
  await until('a stage', async () => (await stage(page)) === 'noise');
  await page.keyboard.press('Space');
  await until('it plays', async () => (await step(page)) > 5);
  await page.keyboard.press('Space');
  await page.keyboard.press('r');
  await until('from the beginning', async () => (await step(page)) === 0);
  await close(page);
});

test('paths of the smallest game', async () => {
  const page = await open('/lab/nash');
  await page.getByRole('cell', { name: 'comes to rest' }).waitFor();
  await page.getByRole('slider', { name: 'Learning rate h' }).fill('0.3');
  await until('a longer step', async () => (await page.getByRole('table').textContent()).includes('1.09'));
  await page.waitForTimeout(300);
  await page.screenshot({ path: join(shots, 'nash.png') });
  assert.deepEqual(await faults(page), []);
  await close(page);
});

test('every width, light and dark', async () => {
  for (const [width, height, scheme] of [[360, 780, 'light'], [768, 1024, 'dark'], [1440, 960, 'dark'], [3840, 2160, 'light']]) {
    const page = await open('/lab?data=grid&system=wgan_gp', { viewport: { width, height }, colorScheme: scheme });
    await ready(page);
    await page.getByRole('button', { name: 'Play' }).click();
    await until('it learns', async () => (await step(page)) > 60, 120);
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.waitForTimeout(300);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= width, `${wide} wide in a window of ${width}`);
    await page.screenshot({ path: join(shots, `lab-${width}-${scheme}.png`), fullPage: width < 800 });
    assert.deepEqual(await faults(page), []);
    await close(page);
  }
});

test('hostile words are refused, and there is room for so many games', async () => {
  const page = await open('/runs');
  const heard = await page.evaluate(async () => {
    const open = () => new Promise((resolve) => {
      const socket = new WebSocket(`ws://${location.host}/api/lab/play`);
      socket.binaryType = 'arraybuffer';
      socket.heard = [];
      socket.onmessage = ({ data }) => socket.heard.push(data);
      socket.onopen = () => resolve(socket);
    });
    const until = async (is) => { for (let i = 0; i < 300 && !is(); i += 1) await new Promise((done) => setTimeout(done, 50)); return is(); };
    const hostile = ['{', '{"do":"go","steps":1}', '{"do":"set","setup":{"settings":{"batch":"99999999"}}}',
      '{"do":"set","setup":{"data":"painted","painted":"////"}}', '{"do":"go","steps":18446744073709551616}'];
    const one = await open();
    const answers = [];
    for (const words of hostile) {
      const before = one.heard.length;
      one.send(words);
      await until(() => one.heard.length > before);
      answers.push(one.heard.at(-1));
    }
    let isClosed = false;
    one.onclose = () => { isClosed = true; };
    one.send(' '.repeat(1 << 20));
    await until(() => isClosed);
    // A game whose page has just gone may still be on its way out: the twelve come again until it is.
    let refused = 0;
    for (let i = 0; i < 20 && refused !== 4; i += 1) {
      await new Promise((resolve) => { setTimeout(resolve, 250); });
      const many = [];
      for (let k = 0; k < 12; k += 1) many.push(await open());
      const refusals = () => many.filter((socket) => socket.heard.some((text) => typeof text === 'string' && text.includes('no room'))).length;
      await until(() => refusals() >= 4);
      refused = refusals();
      many.forEach((socket) => socket.close());
    }
    // Whoever leaves makes room.
    let hasRoom = false;
    for (let i = 0; i < 20 && !hasRoom; i += 1) {
      const next = await open();
      next.send('{"do":"set","setup":{}}');
      hasRoom = await until(() => next.heard.length > 0) && next.heard.some((text) => typeof text === 'string' && text.includes('ready'));
      next.close();
    }
    return { answers, isClosed, refused, hasRoom };
  });
  for (const answer of heard.answers) {
    const said = JSON.parse(answer);
    assert.equal(said.is, 'refused');
    assert.ok(said.error.length > 10);
  }
  assert.ok(heard.isClosed, 'a message without end');
  assert.equal(heard.refused, 4, 'eight games and no more');
  assert.ok(heard.hasRoom);
  await page.context().close();
});
