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

async function generator(name) {
  return (await fetch(`${home()}api/runs/${name}/generator`)).json();
}

/** The width of a picture that is shown, and the levels of all its pixels. */
async function pixels(image) {
  const text = await image.evaluate(async (shown) => {
    await shown.decode();
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [shown.naturalWidth, shown.naturalHeight];
    const context = canvas.getContext('2d');
    context.drawImage(shown, 0, 0);
    return JSON.stringify([shown.naturalWidth, [...context.getImageData(0, 0, canvas.width, canvas.height).data]]);
  });
  const [width, levels] = JSON.parse(text);
  return { width, levels };
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

test('a sample is looked at beside its nearest training pictures', async () => {
  const page = await open('/runs/dcgan-fashion-mnist');
  await page.getByRole('img', { name: /Sample grid after step/ }).waitFor();
  const loupe = page.getByRole('button', { name: /^Sample 1 of 64, row 1, column 1/ });
  await loupe.focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  const shown = page.getByRole('dialog', { name: 'A sample and what it is near to' });
  await shown.getByText('Sample 10 of 64').waitFor();
  await shown.locator('.lookalike-list li').nth(4).waitFor({ timeout: 60000 });
  assert.equal(await shown.locator('.lookalike-list li').count(), 5);
  const distances = (await shown.locator('.lookalike-list b').allTextContents()).map(Number);
  assert.deepEqual(distances, [...distances].sort((a, b) => a - b), 'the nearest first');
  assert.ok(distances[0] > 0 && distances[4] < 255);
  await shown.getByText(/^Searched all 60,000 pictures|^Searched [0-9,]+ of 60,000 pictures|^Searched all 10,000 pictures/).waitFor();
  await until('every picture', () => shown.locator('img').evaluateAll((all) => all.length === 6 && all.every((one) => one.naturalWidth === 28)));
  assert.deepEqual(await faults(page), []);
  await page.screenshot({ path: join(shots, 'lookalikes.png') });
  await shown.getByRole('button', { name: 'The next sample' }).click();
  await shown.getByText('Sample 11 of 64').waitFor();
  await page.keyboard.press('Escape');
  await shown.waitFor({ state: 'detached' });
  const { x, y, width, height } = await page.locator('.loupe').boundingBox();
  await page.mouse.click(x + (width * 7.5) / 8, y + (height * 7.5) / 8);
  await page.getByText('Sample 64 of 64').waitFor();
  await page.keyboard.press('Escape');
  await close(page);
});

test('the form says what settings mean, and shows the points of a distribution', async () => {
  const page = await open('/new?system=gan');
  await page.getByText('Settings of the system').click();
  const batch = page.getByLabel('batch', { exact: true });
  const help = await batch.evaluate((input) => document.getElementById(input.getAttribute('aria-describedby')).textContent);
  assert.match(help, /^Examples in a batch\. Default \d+\.$/);
  const silent = await page.locator('.setting .help').evaluateAll((all) => all.map((one) => one.textContent).filter((text) => text.startsWith('Default')));
  assert.deepEqual(silent, []);
  const drawn = async (set) => {
    await page.getByLabel('Data', { exact: true }).fill(set);
    await page.locator(`.set-points[data-set="${set}"]`).waitFor();
    return page.locator('.set-points').evaluate((canvas) => canvas.toDataURL());
  };
  const pictures = new Set();
  for (const set of ['ring', 'grid', 'spiral', 'moons']) pictures.add(await drawn(set));
  assert.equal(pictures.size, 4, 'each its own');
  assert.deepEqual(await faults(page), []);
  await page.screenshot({ path: join(shots, 'form-help.png'), fullPage: true });
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
  const { films } = await generator('dcgan-fashion-mnist');
  await page.getByLabel('Frames between').fill('3');
  await page.getByLabel('Frames a second').fill('30');
  await page.getByText('12 frames, 0.4 s').waitFor();
  for (const format of ['gif', 'apng']) {
    await page.getByLabel('Format').selectOption(format);
    await page.getByRole('button', { name: 'Make the film' }).click();
    await page.getByRole('link', { name: 'Download the film' }).and(page.locator(`[download$=".${format}"]`)).waitFor({ timeout: 60000 });
    const film = page.getByRole('img', { name: 'A walk from sample to sample' });
    assert.ok(await film.evaluate(async (image) => { await image.decode(); return image.naturalWidth; }) > 100);
  }
  const mp4 = page.getByLabel('Format').locator('option[value="mp4"]');
  assert.equal(await mp4.isDisabled(), !films, 'a film is offered where the build writes it');
  if (films) {
    await page.getByLabel('Format').selectOption('mp4');
    await page.getByRole('button', { name: 'Make the film' }).click();
    await page.getByRole('link', { name: 'Download the film' }).and(page.locator('[download$=".mp4"]')).waitFor({ timeout: 60000 });
    const video = page.locator('video[aria-label="A walk from sample to sample"]');
    // A browser without H.264 says so instead.
    await video.or(page.getByText('This browser does not play it here')).first().waitFor();
    if (await video.count() > 0) await until('the film plays', () => video.evaluate((shown) => shown.readyState >= 2 && Math.abs(shown.duration - 0.4) < 0.05));
  }
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

test('what is painted on a picture becomes part of it, and is undone', async () => {
  const page = await open('/explorer/dcgan-fashion-mnist');
  const portrait = page.getByRole('img', { name: 'The picture of this code' });
  // Mean levels of the upper left quarter and of all of the picture, 0 to 255.
  const levels = () => portrait.evaluate(async (image) => {
    await image.decode();
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [28, 28];
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0, 28, 28);
    const mean = (side) => { const { data } = context.getImageData(0, 0, side, side); return data.filter((_, i) => i % 4 === 0).reduce((sum, level) => sum + level, 0) / (side * side); };
    return [mean(14), mean(28)];
  });
  await portrait.waitFor({ timeout: 60000 });
  await until('a picture', () => portrait.getAttribute('src'));
  const [before] = await levels();
  const sample = await portrait.getAttribute('src');
  await page.getByRole('button', { name: 'Paint', exact: true }).click();
  const canvas = page.getByRole('application', { name: /Paint on the picture/ });
  await page.getByLabel('Brightness of the brush').focus();
  await page.keyboard.press(before > 127 ? 'Home' : 'End');
  await page.getByLabel('Stay near').focus();
  await page.keyboard.press('Home');
  const box = await canvas.boundingBox();
  const begun = Date.now();
  await page.mouse.move(box.x + 0.05 * box.width, box.y + 0.05 * box.height);
  await page.mouse.down();
  for (let row = 0; row < 8; row += 1) await page.mouse.move(box.x + (row % 2 ? 0.05 : 0.45) * box.width, box.y + (0.05 + row * 0.055) * box.height, { steps: 4 });
  await until('the picture follows the brush', async () => {
    await page.mouse.move(box.x + 0.25 * box.width, box.y + 0.3 * box.height, { steps: 2 });
    return (await portrait.getAttribute('src')) !== sample;
  });
  await page.mouse.up();
  await page.getByText(/Taken in after/).waitFor();
  console.log(`# paint is taken in ${Date.now() - begun} ms after the stroke began`);
  const [after] = await levels();
  const wanted = before > 127 ? 0 : 255;
  assert.ok(Math.abs(after - wanted) < Math.abs(before - wanted) - 5, `from ${before} to ${after}`);
  assert.deepEqual(await faults(page), []);
  // A second stroke, by the keys alone, and one after the other is taken back.
  await canvas.focus();
  await page.keyboard.press('Shift+ArrowRight');
  await page.keyboard.press(']');
  const old = await portrait.getAttribute('src');
  await page.keyboard.press('Space');
  await until('another picture', async () => (await portrait.getAttribute('src')) !== old);
  await page.getByText(/Taken in after/).waitFor();
  await page.keyboard.press('z');
  await page.keyboard.press('z');
  await page.getByText('The last stroke is taken back.').waitFor();
  await until('the sample again', async () => Math.abs((await levels())[0] - before) < 0.5);
  assert.equal(await page.getByRole('button', { name: 'Undo' }).isDisabled(), true);
  // A colour of the picture is taken into the brush.
  await page.getByRole('button', { name: 'Take a colour' }).click();
  await canvas.click({ position: { x: box.width / 2, y: box.height / 2 } });
  await page.getByRole('button', { name: 'Take a colour', pressed: false }).waitFor();
  await close(page);
});

test('units are seen where they respond, and the picture is made again without them', async () => {
  const name = await start({ ...small, steps: 3, name: 'dissected', settings: { width: '16', batch: '8' } });
  await until('a run to dissect', async () => (await state(name)).state === 'finished');
  const page = await open(`/explorer/${name}`);
  await page.getByText('Units of the generator').click();
  const units = page.locator('fieldset.unit');
  await units.first().waitFor({ timeout: 60000 });
  assert.equal(await units.count(), 12);
  const portrait = page.getByRole('img', { name: 'The picture of this code' });
  const shown = () => portrait.getAttribute('src');
  await until('a picture', shown);
  const whole = await pixels(portrait);
  let old = await shown();
  const first = await units.first().locator('legend').textContent();
  await units.first().getByRole('radio', { name: 'As is' }).focus();
  await page.keyboard.press('ArrowLeft');
  await until('another picture', async () => (await shown()) !== old);
  await page.getByText(`Changed: ${first.toLowerCase()} off`).waitFor();
  assert.notDeepEqual(await pixels(portrait), whole, 'the strongest unit makes something');
  assert.equal(await units.first().locator('legend').textContent(), first, 'units stay in their places');
  assert.deepEqual(await faults(page), []);
  old = await shown();
  await page.getByRole('button', { name: 'All as they are' }).click();
  await until('the picture as it was', async () => (await shown()) !== old);
  assert.deepEqual(await pixels(portrait), whole);
  await page.getByRole('button', { name: 'Weaker units' }).click();
  await until('weaker units', async () => (await units.first().locator('legend').textContent()) !== first);
  const layer = page.getByLabel('Layer', { exact: true });
  await layer.selectOption({ index: 0 });
  await page.getByRole('button', { name: 'Stronger units', disabled: true }).waitFor();
  await close(page);
});

test('a class is asked for by its name', async () => {
  const name = await start({ ...small, system: 'cgan', steps: 3, name: 'told' });
  await until('a run that is told classes', async () => (await state(name)).state === 'finished');
  const page = await open(`/explorer/${name}`);
  const portrait = page.getByRole('img', { name: 'The picture of this code' });
  await until('a picture', () => portrait.getAttribute('src'));
  const first = await pixels(portrait);
  const old = await portrait.getAttribute('src');
  await page.getByLabel('Class').selectOption('sneaker');
  await until('another class', async () => (await portrait.getAttribute('src')) !== old);
  assert.notDeepEqual(await pixels(portrait), first);
  await close(page);
});

test('styles are mixed from coarse to fine', { timeout: 240000 }, async () => {
  const name = await start({ system: 'stylegan', data: 'first:64:fashion-mnist-10k', size: '32', steps: 4, name: 'styled', settings: { width: '4', max_width: '16', batch: '4', z_dim: '16', w_dim: '16', mapping_layers: '2' } });
  await until('a run with styles', async () => (await state(name)).state === 'finished', 180);
  const page = await open(`/explorer/${name}`);
  await page.getByText('16 numbers for each of 8 layers').waitFor({ timeout: 60000 });
  const image = page.getByRole('img', { name: 'Rows of samples with some styles of the columns' });
  const mixed = {};
  for (const layers of ['coarse', 'fine']) {
    await page.getByLabel('Layers of columns').selectOption(layers);
    await page.getByRole('button', { name: 'Mix', exact: true }).click();
    await page.getByText(`has the ${layers} layers`).waitFor({ timeout: 60000 });
    mixed[layers] = await pixels(image);
  }
  assert.ok(mixed.coarse.width >= 6 * 32, 'six pictures in a row');
  assert.equal(mixed.coarse.levels.length, mixed.fine.levels.length);
  assert.notDeepEqual(mixed.coarse.levels, mixed.fine.levels, 'coarse layers do something else than fine ones');
  assert.deepEqual(await faults(page), []);
  await page.screenshot({ path: join(shots, 'mixed.png'), fullPage: true });
  // Its units and the brush go through styles.
  await page.getByText('Units of the generator').click();
  await page.locator('fieldset.unit').first().waitFor();
  await page.getByRole('button', { name: 'Paint', exact: true }).click();
  await page.getByRole('application', { name: /Paint on the picture/ }).focus();
  await page.keyboard.press('Space');
  await page.getByText(/Taken in after/).waitFor({ timeout: 60000 });
  await close(page);
});

test('a picture is translated there and back', { timeout: 240000 }, async () => {
  const data = 'unpaired:first:32:fashion-mnist-10k,first:32:fashion-mnist-10k';
  const name = await start({ system: 'cyclegan', data, size: '32', steps: 2, name: 'translator', settings: { width: '4' } });
  await until('a run that translates', async () => (await state(name)).state === 'finished', 180);
  const page = await open(`/explorer/${name}`);
  const file = page.getByLabel('Picture to translate');
  await file.setInputFiles(join(runs, 'dcgan-fashion-mnist/samples/step-0000100.png'));
  const made = page.locator('img[alt="What the system makes of it"]');
  const shown = [];
  for (const [position] of (await generator(name)).translations.entries()) {
    await page.getByLabel('Function').selectOption({ index: position });
    const old = await made.getAttribute('src');
    await page.getByRole('button', { name: 'Translate', exact: true }).click();
    await until('a translation', async () => (await made.getAttribute('src')) !== old);
    shown.push(await pixels(made));
  }
  assert.equal(shown.length, 2, 'there and back');
  assert.ok(shown.every(({ width }) => width >= 32));
  assert.notDeepEqual(shown[0], shown[1]);
  assert.deepEqual(await faults(page), []);
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download PNG' }).click()]);
  assert.equal(download.suggestedFilename(), `${name}-translated.png`);
  await file.setInputFiles({ name: 'none.png', mimeType: 'image/png', buffer: Buffer.from('no picture') });
  await page.getByRole('button', { name: 'Translate', exact: true }).click();
  await page.getByRole('alert').filter({ hasText: 'not a picture' }).waitFor();
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
