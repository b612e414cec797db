// Processes of headcount, and how a client takes from them.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

// Those that run: ended by `endAll`, whatever happened.
const running = new Set();

export class Headcount {
  // Starts the program and waits for its two listeners. Ports are free ones unless given.
  static async start(program, args, { publicPort = 0, adminPort = 0 } = {}) {
    const listeners = ['--listen', `127.0.0.1:${publicPort}`,
      '--admin-listen', `127.0.0.1:${adminPort}`];
    const child = spawn(program, [...listeners, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    running.add(child);
    const addresses = await listenersOf(child);
    return new Headcount(child, addresses.get('listening'), addresses.get('admin listening'));
  }

  constructor(child, address, adminAddress) {
    this.child = child;
    this.url = `http://${address}`;
    this.adminUrl = `http://${adminAddress}`;
  }

  // For a next one in this one's place.
  ports() {
    return { publicPort: new URL(this.url).port, adminPort: new URL(this.adminUrl).port };
  }

  async take(name, times = 1) {
    for (let n = 0; n < times; n += 1) {
      const response = await fetch(`${this.url}/take/${name}`, { method: 'POST' });
      await response.arrayBuffer();
    }
  }

  // What the admin listener says of one counter, without the page.
  async counter(name) {
    return (await fetch(`${this.adminUrl}/counters/${name}`)).json();
  }

  async reset(name, token) {
    const { epoch } = await this.counter(name);
    const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
    const body = JSON.stringify({ epoch });
    const options = { method: 'POST', headers, body };
    return (await fetch(`${this.adminUrl}/counters/${name}/reset`, options)).status;
  }

  // As a crash: nothing is said to anybody.
  async kill() {
    await end(this.child);
  }
}

export async function endAll() {
  await Promise.all([...running].map(end));
}

async function end(child) {
  running.delete(child);
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

// The addresses in the log lines "listening" and "admin listening", by these words.
async function listenersOf(child) {
  const addresses = new Map();
  const lines = createInterface({ input: child.stdout });
  for await (const line of lines) {
    const { msg, address } = JSON.parse(line);
    if (msg === 'listening' || msg === 'admin listening') addresses.set(msg, address);
    if (addresses.size === 2) break;
  }
  if (addresses.size < 2) throw new Error('the program ended before it listened twice');
  // Read on, or the program waits for a reader of its log.
  child.stdout.resume();
  return addresses;
}
