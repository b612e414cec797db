// The page in a tab of the browser, and its parts by what they show.

import { Complaints, is, until } from './checks.mjs';

export async function open(browser, headcount) {
  const page = await browser.newPage();
  page.setDefaultTimeout(20_000);
  const complaints = await Complaints.of(page, headcount.adminUrl);
  const response = await page.goto(`${headcount.adminUrl}/`);
  is('the page has a policy without unsafe words',
    /default-src 'none'(?!.*unsafe)/.test(response.headers()['content-security-policy']), true);
  return { page, complaints };
}

export const words = (page, selector) => async () => (await page.locator(selector).innerText()).trim();
export const row = (page, name) => page.locator('li').filter({ has: page.getByRole('heading',
  { name, exact: true }) });

// Waits until the row of a counter has these words in this part.
export async function rowSays(page, name, part, wanted) {
  const place = row(page, name).locator(part);
  await until(`${name} says '${wanted}'`, async () => (await place.textContent()).trim(), wanted);
}

export async function openDialog(page, name) {
  await page.getByRole('button', { name: `Change ${name}`, exact: true }).click();
  await until(`the dialog names ${name}`, words(page, '#change-title'), `Change ${name}`);
}

export const result = (page) => words(page, '#result');
