// A headcount, the sites around it, and their ends. Everything listens on loopback.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import { createInterface } from 'node:readline';

const PAGE = '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>a</title>';

// A program that serves, without a number taken.
export class Headcount {
  static async start(program, args) {
    const listen = ['--listen', '127.0.0.1:0', '--limit', '1000', '--threads', '1'];
    const child = spawn(program, [...listen, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    for await (const line of createInterface({ input: child.stdout })) {
      const { msg, address } = JSON.parse(line);
      if (msg !== 'listening') continue;
      child.stdout.resume();
      return new Headcount(child, Number(address.split(':')[1]));
    }
    throw new Error(`${program} ${args.join(' ')} ended before it listened`);
  }

  constructor(child, port) {
    this.child = child;
    this.port = port;
  }

  async taken() {
    return (await (await fetch(`http://127.0.0.1:${this.port}/status`)).json()).taken;
  }

  async end() {
    if (this.child.exitCode !== null) return;
    this.child.kill();
    await once(this.child, 'exit');
  }
}

// A site: an empty page on every path but `/take`, which is the headcount's, as behind a proxy
// that passes on all fields. It keeps what became of the takes.
export class Site {
  static async start(host, port = 0) {
    const site = new Site();
    site.server = http.createServer((request, response) => site.answer(request, response));
    site.server.listen(port, host === 'localhost' ? '127.0.0.1' : host);
    await once(site.server, 'listening');
    site.origin = `http://${host}:${site.server.address().port}`;
    return site;
  }

  constructor() {
    this.takes = [];
    this.headcount = null;
  }

  answer(request, response) {
    if (request.url !== '/take') {
      response.writeHead(200, { 'Content-Type': 'text/html', 'Cache-Control': 'no-store' });
      response.end(PAGE);
      return;
    }
    const take = { method: request.method, headers: request.headers, status: null };
    this.takes.push(take);
    const { method, headers } = request;
    const options = { host: '127.0.0.1', port: this.headcount.port, path: '/', method, headers };
    const inner = http.request(options, (answer) => {
      response.writeHead(answer.statusCode, answer.rawHeaders);
      answer.pipe(response);
      answer.on('end', () => { take.status = answer.statusCode; });
    });
    // The browser has left, or the headcount was ended: nobody waits for an answer.
    inner.on('error', () => { take.status = 0; response.destroy(); });
    request.pipe(inner);
  }

  end() {
    this.server.closeAllConnections();
    this.server.close();
  }
}
