// The shop of docs/shop.md in a real Chromium, its page as it stands: see ./run, which calls this
// with the folder of the installed packages and the program.

import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { is, passedChecks, until } from './checks.mjs';
import { endAll, Headcount } from './headcount.mjs';
import { words } from './tab.mjs';

const [packages, program] = process.argv.slice(2);
const { chromium } = createRequire(path.resolve(packages, 'package.json'))('playwright-core');

const SECRET = '0123456789abcdef0123456789abcdef';
// Where the document's page finds headcount.
const GATE = 'http://127.0.0.1:8080';

async function main() {
  const folder = await mkdtemp(path.join(tmpdir(), 'headcount-shop-'));
  const secretFile = path.join(folder, 'secret');
  await writeFile(secretFile, SECRET);
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: process.getuid() === 0 ? ['--no-sandbox'] : [],
  });
  const gate = new Gate();
  const shop = http.createServer();
  try {
    await Promise.all([listen(gate.server), listen(shop)]);
    const page = (await pageOfDocument()).replace(GATE, urlOf(gate.server));
    shop.on('request', (_, response) => response.setHeader('Content-Type', 'text/html').end(page));
    const headcount = await Headcount.start(program, ['--counter', 'shoes=3', '--require-key',
      '--take-methods', 'POST', '--halted-status', '410', '--allow-origin', urlOf(shop),
      '--ticket-secret-file', secretFile]);
    gate.upstream = headcount.url;
    await sell(browser, urlOf(shop), gate, headcount);
  } finally {
    await browser.close();
    await endAll();
    [gate.server, shop].forEach((server) => server.close());
    [gate.server, shop].forEach((server) => server.closeAllConnections());
    await rm(folder, { recursive: true });
  }
  console.log(`${passedChecks()} passed, 0 failed`);
}

async function sell(browser, url, gate, headcount) {
  const taken = async () => (await headcount.counter('shoes')).taken;

  const first = await Buyer.enter(browser, url);
  is('nothing is taken before the button is pressed', await taken(), 0);
  await first.page.locator('#get').dblclick();
  await first.sees('You have number 1.');
  is('two presses take one number', await taken(), 1);
  const { jti } = await first.claims();
  await first.page.reload();
  await first.sees('You have number 1.');
  is('after a reload the ticket has the same jti', (await first.claims()).jti, jti);
  is('and nothing is taken', await taken(), 1);
  const tab = await first.openTab();
  await tab.sees('You have number 1.');
  is('nor in a second tab', await taken(), 1);

  const second = await Buyer.enter(browser, url);
  gate.cuts = 2;
  await second.page.locator('#get').click();
  await second.sees('You have number 2.');
  is('two answers were lost', gate.cuts, 0);
  is('and no number with them', await taken(), 2);
  is('the answer says that it is a replay', second.replays, 1);
  is('a ticket comes with it', (await second.claims()).request_num, 2);

  const options = { method: 'POST', headers: { 'Idempotency-Key': 'a-robot' } };
  await fetch(`${headcount.url}/take/shoes`, options);
  const late = await Buyer.enter(browser, url);
  await late.page.locator('#get').click();
  await late.sees('Sold out.');
  is('who comes too late has nothing to order with', await late.page.locator('#order').isVisible(),
    false);
  await late.page.reload();
  await late.sees('Sold out.');
  await first.page.reload();
  await first.sees('You have number 1.');
  is('three are sold', await taken(), 3);
}

// A browser of its own, with the shop's page in a tab.
class Buyer {
  // Answers that said that they are replays, and that the page may read that of.
  replays = 0;

  static async enter(browser, url) {
    const context = await browser.newContext();
    return Buyer.#openIn(context, url);
  }

  static async #openIn(context, url) {
    const buyer = new Buyer(context, await context.newPage(), url);
    buyer.page.setDefaultTimeout(20_000);
    await buyer.page.goto(url);
    return buyer;
  }

  constructor(context, page, url) {
    [this.context, this.page, this.url] = [context, page, url];
    page.on('response', (response) => {
      const headers = response.headers();
      const isExposed = /idempotent-replayed/i.test(headers['access-control-expose-headers'] ?? '');
      if (isExposed && headers['idempotent-replayed'] === 'true') this.replays += 1;
    });
  }

  openTab() {
    return Buyer.#openIn(this.context, this.url);
  }

  sees(wanted) {
    return until(`the buyer sees '${wanted}'`, words(this.page, '#result'), wanted);
  }

  // What is in the ticket of the form, whose signature is right.
  async claims() {
    const ticket = await this.page.locator('[name=ticket]').inputValue();
    const [header, claims, signature] = ticket.split('.');
    const wanted = createHmac('sha256', SECRET).update(`${header}.${claims}`).digest('base64url');
    is('the ticket is signed', signature, wanted);
    return JSON.parse(Buffer.from(claims, 'base64url'));
  }
}

// A proxy before headcount that may lose answers: whole, once they are there.
class Gate {
  upstream = '';
  // So many answers to takes are still to be lost.
  cuts = 0;
  server = http.createServer((request, response) => this.#pass(request, response));

  #pass(request, response) {
    const { method, headers } = request;
    const passed = http.request(this.upstream + request.url, { method, headers }, (answer) => {
      if (method === 'POST' && this.cuts > 0) {
        this.cuts -= 1;
        return request.socket.destroy();
      }
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    passed.on('error', () => request.socket.destroy());
    request.pipe(passed);
  }
}

async function pageOfDocument() {
  const text = await readFile('docs/shop.md', 'utf8');
  const page = /^```html\n([\s\S]*?)^```$/m.exec(text)?.[1];
  is('the document has a page that asks headcount', page?.includes(`'${GATE}/take/shoes'`), true);
  return page;
}

async function listen(server) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
}

const urlOf = (server) => `http://127.0.0.1:${server.address().port}`;

await main();
