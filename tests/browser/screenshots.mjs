// The pictures in docs: three minutes of a sale, told by a clock that the page is given.

import { until } from './checks.mjs';
import { Headcount } from './headcount.mjs';

const SECONDS = 150;
const DESK = { width: 860, height: 572 };

export async function takeScreenshots(browser, program, withToken, phone) {
  const counters = ['shoes=2000', 'hats=40', 'scarves=500', 'socks=0'];
  const headcount = await Headcount.start(program,
    [...withToken, ...counters.flatMap((spec) => ['--counter', spec])]);
  const page = await browser.newPage({ viewport: DESK });
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await page.clock.install();
  await page.goto(`${headcount.adminUrl}/`);
  await page.clock.pauseAt(Date.now() + 60_000);
  await sell(page, headcount);
  for (const [name, colorScheme, size] of [
    ['light', 'light', DESK], ['dark', 'dark', DESK], ['phone', 'light', phone],
  ]) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize(size);
    await page.screenshot({ path: `docs/page-${name}.png` });
  }
  await headcount.kill();
}

// A busy start that calms down, and waves.
async function sell(page, headcount) {
  for (let second = 0; second < SECONDS; second += 1) {
    const wave = 5 + 4 * Math.sin(second / 9) + 14 * Math.exp(-second / 25);
    await headcount.take('shoes', Math.round(wave));
    await headcount.take('scarves', second % 3 === 0 ? 2 : 0);
    await headcount.take('hats', second > 60 && second < 110 ? 1 : 0);
    const answer = page.waitForResponse((response) => response.url().endsWith('/counters'));
    await page.clock.runFor(1000);
    await (await answer).finished();
  }
  await until('the sale is shown', () => page.locator('.halted').isVisible());
}
