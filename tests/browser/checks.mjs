// Counts checks, waits for conditions, and collects what a page complains of.

// How long a condition may take before it counts as never. Nothing waits for this long otherwise.
const NEVER_MS = 20_000;
const LOOK_AGAIN_MS = 25;

let passed = 0;

export const passedChecks = () => passed;

// One check: that a condition comes to hold. `probe` returns what it is about: it holds when that
// is `wanted`, or, without one, when it is true.
export async function until(name, probe, wanted = true) {
  const deadline = performance.now() + NEVER_MS;
  let got = await probe();
  while (got !== wanted) {
    if (performance.now() > deadline) {
      throw new Error(`${name}\n  wanted: ${wanted}\n  got:    ${got}`);
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    got = await probe();
  }
  ok(name);
}

// One check: that a value is this now.
export function is(name, got, wanted) {
  if (got !== wanted) throw new Error(`${name}\n  wanted: ${wanted}\n  got:    ${got}`);
  ok(name);
}

function ok(name) {
  passed += 1;
  console.log(`ok ${name}`);
}

// What went wrong in a page: errors in its console, exceptions, violations of its policy, requests
// to anywhere else.
export class Complaints {
  #found = [];
  // While the server is down or refuses, Chromium itself logs that a request failed.
  requestsMayFail = false;

  static async of(page, origin) {
    const complaints = new Complaints();
    await page.exposeFunction('complain', (words) => complaints.#found.push(words));
    await page.addInitScript(() => {
      addEventListener('securitypolicyviolation', (violation) =>
        window.complain(`policy: ${violation.violatedDirective} ${violation.blockedURI}`));
    });
    page.on('pageerror', (error) => complaints.#found.push(`exception: ${error.stack}`));
    page.on('console', (message) => complaints.#console(message));
    page.on('request', (request) => {
      const isOwn = request.url().startsWith(`${origin}/`) || request.url().startsWith('data:');
      if (!isOwn) complaints.#found.push(`request: ${request.url()}`);
    });
    return complaints;
  }

  #console(message) {
    const isOfRequest = message.text().startsWith('Failed to load resource');
    if (message.type() !== 'error' && message.type() !== 'warning') return;
    if (isOfRequest && this.requestsMayFail) return;
    this.#found.push(`console: ${message.text()} (${message.location().url})`);
  }

  check(name) {
    is(name, this.#found.join('\n'), '');
  }
}

// The smallest contrast (WCAG 2, section 1.4.3) of the visible text in the page, and where it is.
export function leastContrast() {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const channels = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const luminance = (colour) => {
    const [r, g, b] = [...channels(colour)].slice(0, 3).map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    const colour = getComputedStyle(element).backgroundColor;
    return channels(colour)[3] === 0 && element.parentElement ?
      ground(element.parentElement) : colour;
  };
  let least = { ratio: 21, where: '' };
  for (const element of document.querySelectorAll('body *')) {
    const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!hasText || !element.checkVisibility()) continue;
    const pair = [getComputedStyle(element).color, ground(element)].map(luminance);
    const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    if (ratio < least.ratio) least = { ratio, where: element.textContent.trim() };
  }
  return least;
}
