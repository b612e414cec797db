// Redeems each ticket of FOLDER/tickets by the example of the document, and prints what came of it.

import { readFileSync } from 'node:fs';
import { readSecrets, redeem } from './redeem.mjs';

// As a client of pg, with a table that has a unique index.
class Database {
  #redeemed = new Set();

  async query(_insert, [jti]) {
    if (this.#redeemed.has(jti)) throw Object.assign(new Error('duplicate key'), { code: '23505' });
    this.#redeemed.add(jti);
  }
}

const folder = process.argv[2];
const secrets = readSecrets(`${folder}/secret`, `${folder}/next`);
const database = new Database();
for (const line of readFileSync(`${folder}/tickets`, 'utf8').trimEnd().split('\n')) {
  const [name, ticket] = line.split('\t');
  const outcome = await redeem(ticket, 'shoes', secrets, database).then(
    (claims) => `redeemed ${claims.request_num}`,
    (error) => error.code ?? error.message,
  );
  console.log(`${name}\t${outcome}`);
}
