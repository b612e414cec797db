// How many numbers a browser takes without anybody's asking: the table of docs/http.md.
//
//   tests/browser/burn/run PROGRAM [OLD_PROGRAM]
//
// Each action runs in a real Chromium, against each configuration. What is counted is what the
// headcount says is taken. An OLD_PROGRAM is one without the policy, for a column of its own.

import { createRequire } from 'node:module';
import { setTimeout as pause } from 'node:timers/promises';

import { ACTIONS } from './actions.mjs';
import { Headcount, Site } from './servers.mjs';

const [packages, program, oldProgram] = process.argv.slice(2);
const { chromium } = createRequire(`${packages}/`)('playwright-core');

// A browser that sends nothing for so long sends nothing at all.
const PATIENCE_MS = 3_000;
// After the first request there may be a second one.
const QUIET_MS = 300;

async function until(condition, patience) {
  for (const end = Date.now() + patience; Date.now() < end; await pause(10)) {
    if (condition()) return true;
  }
  return false;
}

async function launch(hasBackForwardCache) {
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  const ignoreDefaultArgs = hasBackForwardCache ? ['--disable-back-forward-cache'] : [];
  return chromium.launch({ executablePath, ignoreDefaultArgs, args: ['--no-sandbox'] });
}

// The numbers that one action takes, with the statuses of its requests.
async function burn(browser, action, sites, headcount) {
  const context = await browser.newContext();
  const all = Object.values(sites);
  const requests = () => all.flatMap((site) => site.takes);
  const isAnswered = () => requests().length > 0 && requests().every((it) => it.status !== null);
  for (const site of all) {
    site.headcount = headcount;
    site.takes = [];
    site.firstTake = () => until(isAnswered, PATIENCE_MS);
  }
  const before = await headcount.taken();
  await action(await context.newPage(), sites);
  if (await until(isAnswered, PATIENCE_MS)) await pause(QUIET_MS);
  await until(isAnswered, PATIENCE_MS);
  const count = (await headcount.taken()) - before;
  const seen = requests().map(({ method, status }) => `${method} ${status}`).join(', ');
  await context.close();
  return { count, seen: seen || 'no request' };
}

async function measure(browsers, sites, [what, runs, args]) {
  const headcount = await Headcount.start(runs, args);
  const cells = [];
  for (const [name, action, options] of ACTIONS) {
    if (action === undefined) {
      cells.push('');
      continue;
    }
    const browser = browsers[options?.hasBackForwardCache ? 1 : 0];
    const { count, seen } = await burn(browser, action, sites, headcount);
    console.error(`${what}: ${name.replaceAll('**', '')}: ${count} (${seen})`);
    cells.push(seen === 'no request' ? '-' : String(count));
  }
  await headcount.end();
  return cells;
}

async function main() {
  const browsers = [await launch(false), await launch(true)];
  const shop = await Site.start('127.0.0.1');
  const apart = await Site.start('127.0.0.1');
  const other = await Site.start('localhost');
  const sites = { shop, apart, other };
  const columns = [
    ['default', program, []],
    ['`--take-methods POST`', program, ['--take-methods', 'POST']],
    ['`--allow-origin` of the shop', program, ['--allow-origin', shop.origin]],
    ['`--allow-origin \'*\'`', program, ['--allow-origin', '*']],
  ];
  if (oldProgram) columns.unshift(['without the policy', oldProgram, []]);
  const table = [];
  try {
    for (const column of columns) table.push(await measure(browsers, sites, column));
  } finally {
    for (const site of Object.values(sites)) site.end();
    await Promise.all(browsers.map((browser) => browser.close()));
  }
  const row = (cells) => console.log(`| ${cells.join(' | ')} |`);
  row(['what happens', ...columns.map(([what]) => what)]);
  console.log(`|---${'|---'.repeat(columns.length)}|`);
  ACTIONS.forEach(([name], index) => row([name, ...table.map((cells) => cells[index])]));
  console.log(`\nChromium ${browsers[0].version()}`);
}

await main();
