// The admin listener's page in a real Chromium: see ./run, which calls this with the folder of the
// installed packages, the program, and perhaps --screenshots.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { is, leastContrast, passedChecks, until } from './checks.mjs';
import { endAll, Headcount } from './headcount.mjs';
import { takeScreenshots } from './screenshots.mjs';
import { open, openDialog, result, row, rowSays, words } from './tab.mjs';

const [packages, program, ...options] = process.argv.slice(2);
const { chromium } = createRequire(path.resolve(packages, 'package.json'))('playwright-core');

const TOKEN = 'a-token-of-the-test-0123456789';
const LONG_NAME = 'n'.repeat(64);
const PHONE = { width: 360, height: 740 };

async function main() {
  const folder = await mkdtemp(path.join(tmpdir(), 'headcount-browser-'));
  const tokenFile = path.join(folder, 'token');
  await writeFile(tokenFile, `${TOKEN}\n`);
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: process.getuid() === 0 ? ['--no-sandbox'] : [],
  });
  try {
    const withToken = ['--store', 'memory:', '--admin-token-file', tokenFile];
    const pictures = options.includes('--screenshots');
    if (pictures) await takeScreenshots(browser, program, withToken, PHONE);
    else await check(browser, withToken);
  } finally {
    await browser.close();
    await endAll();
    await rm(folder, { recursive: true });
  }
  console.log(`${passedChecks()} passed, 0 failed`);
}

async function check(browser, withToken) {
  const counters = ['shoes=100', 'hats=3', 'socks=0', 'caps=20', `${LONG_NAME}=9007199254740991`];
  const args = [...withToken, ...counters.flatMap((spec) => ['--counter', spec])];
  const headcount = await Headcount.start(program, args);
  const tab = await open(browser, headcount);
  await checkCounts(tab, headcount);
  await checkStates(tab, headcount);
  await checkToken(tab, headcount);
  await checkLimit(tab, headcount);
  await checkReset(tab, headcount);
  await checkLooks(tab);
  await checkWordsOfTheServer(tab);
  await checkSilence(tab, headcount, args);
  await tab.page.close();
  await checkManyCounters(browser, withToken);
  await checkWithoutToken(browser);
  await checkStoreAway(browser);
}

// --- what is shown -----------------------------------------------------------------------------

async function checkCounts({ page, complaints }, headcount) {
  await rowSays(page, 'shoes', '.taken', '0 of 100 taken');
  await headcount.take('shoes', 7);
  await rowSays(page, 'shoes', '.taken', '7 of 100 taken');
  await rowSays(page, 'shoes', '.left', '93 remaining');
  await rowSays(page, 'shoes', '.state', 'open');
  is('the bar is as long', await row(page, 'shoes').locator('.fill').evaluate(
    (fill) => fill.style.width), '7%');
  const granted = page.locator('#rates div').filter({ hasText: 'granted' });
  await until('what was granted is counted', async () =>
    (await granted.innerText()).includes('7 in all'));
  await until('the rate rises while numbers are taken', async () => {
    await headcount.take('shoes');
    return Number(await granted.locator('b').innerText()) > 0;
  });
  await until('the line rises', () => row(page, 'shoes').locator('polyline').evaluate((line) => {
    const heights = line.getAttribute('points').split(' ').map((point) => point.split(',')[1]);
    return heights.some((height) => Number(height) < 29);
  }));
  await until('the rate falls back to nothing', () => granted.locator('b').innerText(), '0');
  await until('the store is up', words(page, '#store'), 'Store: up');
  const { version } = await (await fetch(`${headcount.adminUrl}/counters`)).json();
  is('the version is shown', await words(page, '#version')(), version);
  complaints.check('nothing to complain of while counting');
}

async function checkStates({ page }, headcount) {
  await rowSays(page, 'socks', '.state', 'closed');
  await headcount.take('hats', 5);
  await rowSays(page, 'hats', '.state', 'halted');
  is('the halt is said to screen readers', await words(page, '#live')(), 'hats is halted');
  await until('answers past the limit are counted', async () =>
    (await page.locator('#rates div').filter({ hasText: 'halted' }).innerText())
      .includes('2 in all'));
}

// --- changes -----------------------------------------------------------------------------------

async function checkToken({ page, complaints }, headcount) {
  complaints.requestsMayFail = true;
  await openDialog(page, 'hats');
  is('the token is asked for first', await page.evaluate(() => document.activeElement.id), 'token');
  await page.keyboard.press('Enter');
  is('without a token nothing is sent', await result(page)(), '');
  await page.getByLabel('Token').fill('not the token, 0123456789');
  await page.getByLabel('Limit', { exact: true }).fill('10');
  await page.keyboard.press('Enter');
  await until('a wrong token is told', async () =>
    (await result(page)()).startsWith('The token is wrong. headcount answered 401: '));
  is('the token is asked for again', await page.evaluate(() => document.activeElement.id), 'token');
  is('a wrong token changes nothing', (await headcount.counter('hats')).limit, 3);
  complaints.requestsMayFail = false;
}

// By the keyboard alone; in the dialog that is still open.
async function checkLimit({ page, complaints }, headcount) {
  await page.keyboard.type(TOKEN);
  await page.keyboard.press('Enter');
  await until('the answer says before and now', result(page),
    'Done: hats\nbefore: 3 of 3 taken\nnow: 3 of 10 taken');
  is('the limit is raised', (await headcount.counter('hats')).limit, 10);
  await rowSays(page, 'hats', '.state', 'open');
  await headcount.take('hats');
  await until('the dialog goes on counting', words(page, '#now'), 'open, 4 of 10 taken');
  complaints.requestsMayFail = true;
  await page.getByLabel('Limit', { exact: true }).fill('9007199254740993000');
  await page.keyboard.press('Enter');
  await until("a limit out of range is told in the server's words", async () =>
    (await result(page)()).startsWith('headcount answered 422: '));
  complaints.requestsMayFail = false;
  await page.keyboard.press('Escape');
  is('the focus is back on the button', await page.evaluate(
    () => document.activeElement.getAttribute('aria-label')), 'Change hats');
  await headcount.take('caps', 2);
  await openDialog(page, 'caps');
  await page.getByRole('button', { name: 'Close counter' }).click();
  await until('a close ends at what is taken', result(page),
    'Done: caps\nbefore: 2 of 20 taken\nnow: 2 of 2 taken');
  await page.getByRole('button', { name: 'Done' }).click();
  await rowSays(page, 'caps', '.state', 'halted');
}

async function checkReset({ page, complaints }, headcount) {
  const { epoch, taken } = await headcount.counter('shoes');
  const confirm = page.locator('#confirm');
  await openDialog(page, 'shoes');
  await page.getByRole('button', { name: 'Reset…' }).click();
  is('the dialog names what is reset', await words(page, '#confirm-title')(), 'Reset shoes?');
  is('the name is asked for', await page.evaluate(() => document.activeElement.id), 'typed');
  await page.keyboard.type('hats');
  await page.keyboard.press('Enter');
  is('another name keeps the dialog open', await confirm.isVisible(), true);
  is('and resets nothing', (await headcount.counter('shoes')).taken, taken);
  await page.getByLabel('Type shoes to confirm').fill('shoes');
  await page.keyboard.press('Enter');
  await until('the reset is told', result(page),
    `Done: shoes\nbefore: ${taken} of 100 taken\nnow: 0 of 100 taken`);
  is('the dialog is closed', await confirm.isVisible(), false);
  is('a later epoch has begun', (await headcount.counter('shoes')).epoch > epoch, true);
  await rowSays(page, 'shoes', '.taken', '0 of 100 taken');
  complaints.requestsMayFail = true;
  await headcount.take('shoes');
  await rowSays(page, 'shoes', '.taken', '1 of 100 taken');
  await page.getByRole('button', { name: 'Reset…' }).click();
  is('somebody else resets in between', await headcount.reset('shoes', TOKEN), 200);
  // The page has seen it, and still asks for what the dialog was about.
  await rowSays(page, 'shoes', '.taken', '0 of 100 taken');
  await page.getByLabel('Type shoes to confirm').fill('shoes');
  await page.keyboard.press('Enter');
  await until('a reset of a past epoch is refused', async () =>
    (await result(page)()).startsWith('headcount answered 409: '));
  complaints.requestsMayFail = false;
  await page.keyboard.press('Escape');
  complaints.check('nothing to complain of while changing');
}

// --- looks and words ---------------------------------------------------------------------------

async function checkLooks({ page }) {
  for (const colorScheme of ['dark', 'light']) {
    await page.emulateMedia({ colorScheme });
    const { ratio, where } = await page.evaluate(leastContrast);
    is(`contrast of ${ratio.toFixed(1)} at least in ${colorScheme} (${where})`, ratio >= 4.5, true);
  }
  await page.emulateMedia({ reducedMotion: 'reduce' });
  is('nothing moves where that is asked for', await page.locator('.fill').first().evaluate(
    (fill) => getComputedStyle(fill).transitionDuration), '0s');
  await page.setViewportSize(PHONE);
  const width = () => page.evaluate(() => document.documentElement.scrollWidth);
  is('nothing to scroll sideways on a phone', await width(), PHONE.width);
  await openDialog(page, LONG_NAME);
  is('nor in the dialog', await page.locator('#change').evaluate(
    (dialog) => dialog.scrollWidth - dialog.clientWidth), 0);
  await page.keyboard.press('Escape');
}

// Words that no good server would send stay words.
async function checkWordsOfTheServer({ page, complaints }) {
  const markup = '<img src=/x onerror=complain(1)>';
  await page.route('**/counters', (route) => route.fulfill({ json: {
    version: markup, changes: true, draining: true, store: { state: 'away', reason: markup },
    takes: { granted: 1, replayed: 0, halted: 0, failed: 0, refused: 0 },
    counters: [
      { counter: markup, state: 'refused', reason: markup },
      { counter: '__proto__', state: 'refused', reason: 'backwards', taken: 3, limit: 9, epoch: 1 },
    ],
  } }));
  await rowSays(page, markup, '.why', markup);
  await rowSays(page, markup, '.taken', 'not read yet');
  await rowSays(page, '__proto__', '.why', 'backwards: the store holds less than was handed out');
  await rowSays(page, '__proto__', '.taken', '3 of 9 taken');
  is('no words become markup', await page.locator('img').count(), 0);
  is('draining is said', await page.locator('#draining').isVisible(), true);
  await page.unroute('**/counters');
  await until('the true rows are back', () => page.locator('li').count(), 5);
  complaints.check('nothing to complain of in these words');
}

async function checkSilence({ page, complaints }, headcount, args) {
  complaints.requestsMayFail = true;
  await headcount.kill();
  await until('silence is said, and for how long', async () =>
    /^headcount does not answer\..* The last answer came \d+ s ago;/.test(
      await words(page, '#silence')()));
  await until('and to screen readers', words(page, '#live'), 'headcount does not answer');
  const next = await Headcount.start(program, args, headcount.ports());
  await until('the page recovers by itself', () => page.locator('#silence').isHidden());
  complaints.requestsMayFail = false;
  await next.take('shoes', 2);
  await rowSays(page, 'shoes', '.taken', '2 of 100 taken');
  complaints.check('nothing to complain of after a new start');
  await next.kill();
}

// --- other processes ---------------------------------------------------------------------------

async function checkManyCounters(browser, withToken) {
  const names = Array.from({ length: 1000 }, (_, n) => `counter-${n}`);
  const headcount = await Headcount.start(program,
    [...withToken, ...names.flatMap((name) => ['--counter', name])]);
  const { page, complaints } = await open(browser, headcount);
  await until('1,000 counters have their rows', () => page.locator('li').count(), 1000);
  await page.evaluate(() => { window.rowsBefore = [...document.querySelectorAll('li')]; });
  await headcount.take('counter-999');
  await rowSays(page, 'counter-999', '.taken', '1 of 100 taken');
  is('the rows are the same ones', await page.evaluate(
    () => [...document.querySelectorAll('li')].every((item, n) => item === rowsBefore[n])), true);
  await page.getByLabel('Filter').fill('R-99');
  is('a filter leaves what it names', await words(page, '#shown')(), '11 of 1,000');
  is('and hides the rest', await page.locator('li:visible').count(), 11);
  complaints.check('nothing to complain of with 1,000 counters');
  await page.close();
  await headcount.kill();
}

async function checkWithoutToken(browser) {
  const headcount = await Headcount.start(program, ['--store', 'memory:']);
  const { page, complaints } = await open(browser, headcount);
  await until('without a token file it says how to allow changes', async () =>
    (await words(page, '#fixed')()).includes('--admin-token-file FILE'));
  is('and offers none', await page.getByRole('button').count(), 0);
  complaints.check('nothing to complain of without a token file');
  await page.close();
  await headcount.kill();
}

// Nobody listens on port 1.
async function checkStoreAway(browser) {
  const headcount = await Headcount.start(program, ['--store', 'redis://127.0.0.1:1',
    '--counter', 'shoes']);
  const { page, complaints } = await open(browser, headcount);
  const said = 'unreachable: the connection fails';
  await until('the store is away, with its reason', words(page, '#store'), `Store: away, ${said}`);
  await rowSays(page, 'shoes', '.state', 'refused');
  await rowSays(page, 'shoes', '.why', said);
  complaints.check('nothing to complain of with the store away');
  await page.close();
  await headcount.kill();
}

await main();
