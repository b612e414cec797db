// What people, pages and browsers do with the URL of a take: one function each.
//
// `shop` is the shop's site, with a headcount behind its `/take`; `apart` is a headcount on another
// port, and so of another origin of the same site; `other` is another site.

const take = (site) => `${site.origin}/take`;

async function open(page, site) {
  await page.goto(`${site.origin}/`);
}

// Runs `make` in the page of a site with the URL of a take.
const onPage = (from, to, make) => async (page, sites) => {
  await open(page, sites[from]);
  await page.evaluate(make, take(sites[to]));
};

const append = {
  link: (url) => document.body.append(Object.assign(document.createElement('a'), { href: url })),
  image: (url) => document.body.append(Object.assign(document.createElement('img'), { src: url })),
  frame: (url) =>
    document.body.append(Object.assign(document.createElement('iframe'), { src: url })),
  prefetch: (url) =>
    document.head.append(Object.assign(document.createElement('link'), { rel: 'prefetch', href: url })),
  preload: (url) => {
    const fields = { rel: 'preload', as: 'fetch', crossOrigin: 'anonymous', href: url };
    document.head.append(Object.assign(document.createElement('link'), fields));
  },
  speculationPrefetch: (url) => {
    const rules = { prefetch: [{ source: 'list', urls: [url], eagerness: 'immediate' }] };
    const fields = { type: 'speculationrules', textContent: JSON.stringify(rules) };
    document.head.append(Object.assign(document.createElement('script'), fields));
  },
  speculationPrerender: (url) => {
    const rules = { prerender: [{ source: 'list', urls: [url], eagerness: 'immediate' }] };
    const fields = { type: 'speculationrules', textContent: JSON.stringify(rules) };
    document.head.append(Object.assign(document.createElement('script'), fields));
  },
  form: (url) => {
    const form = Object.assign(document.createElement('form'), { action: url, method: 'post' });
    document.body.append(form);
    form.submit();
  },
};

const ask = {
  get: (url) => { fetch(url).catch(() => {}); },
  post: (url) => { fetch(url, { method: 'POST' }).catch(() => {}); },
  getNoCors: (url) => { fetch(url, { mode: 'no-cors' }).catch(() => {}); },
  postNoCors: (url) => { fetch(url, { method: 'POST', mode: 'no-cors' }).catch(() => {}); },
  postJson: (url) => {
    const headers = { 'Content-Type': 'application/json' };
    fetch(url, { method: 'POST', body: '{}', headers }).catch(() => {});
  },
};

const click = (from, to) => async (page, sites) => {
  await onPage(from, to, append.link)(page, sites);
  await page.evaluate(() => document.querySelector('a').click());
};

async function typed(page, { shop }) {
  await page.goto(take(shop));
}

async function reloaded(page, { shop }) {
  await page.goto(take(shop));
  await page.reload();
}

async function back(page, { shop }) {
  await page.goto(take(shop));
  await open(page, shop);
  const returned = () => page.waitForURL(take(shop), { waitUntil: 'commit' });
  await Promise.all([returned(), page.evaluate(() => { history.back(); })]);
}

async function prefetchedThenClicked(page, sites) {
  await onPage('shop', 'shop', append.speculationPrefetch)(page, sites);
  await sites.shop.firstTake();
  await page.evaluate(append.link, take(sites.shop));
  await page.evaluate(() => document.querySelector('a').click());
  await page.waitForURL(take(sites.shop));
}

// Each row: what is done, and how.
export const ACTIONS = [
  ['a person types the URL', typed],
  ['types it and reloads', reloaded],
  ['types it, leaves and goes back', back],
  ['the same with the back/forward cache', back, { hasBackForwardCache: true }],
  ['**the shop\'s own page**, same origin'],
  ['link, clicked', click('shop', 'shop')],
  ['form, POST', onPage('shop', 'shop', append.form)],
  ['fetch, GET', onPage('shop', 'shop', ask.get)],
  ['fetch, POST', onPage('shop', 'shop', ask.post)],
  ['`<link rel=prefetch>`', onPage('shop', 'shop', append.prefetch)],
  ['speculation rules, prefetch', onPage('shop', 'shop', append.speculationPrefetch)],
  ['the same, then the link is clicked', prefetchedThenClicked],
  ['speculation rules, prerender', onPage('shop', 'shop', append.speculationPrerender)],
  ['`<link rel=preload>`', onPage('shop', 'shop', append.preload)],
  ['`<img>`', onPage('shop', 'shop', append.image)],
  ['**the shop\'s page**, headcount on another port'],
  ['fetch, GET', onPage('shop', 'apart', ask.get)],
  ['fetch, POST', onPage('shop', 'apart', ask.post)],
  ['fetch, POST of JSON (preflight)', onPage('shop', 'apart', ask.postJson)],
  ['form, POST', onPage('shop', 'apart', append.form)],
  ['link, clicked', click('shop', 'apart')],
  ['`<img>`', onPage('shop', 'apart', append.image)],
  ['**a page of another site**'],
  ['link, clicked', click('other', 'shop')],
  ['form, POST', onPage('other', 'shop', append.form)],
  ['fetch, GET', onPage('other', 'shop', ask.get)],
  ['fetch, POST', onPage('other', 'shop', ask.post)],
  ['fetch, GET, no-cors', onPage('other', 'shop', ask.getNoCors)],
  ['fetch, POST, no-cors', onPage('other', 'shop', ask.postNoCors)],
  ['`<link rel=prefetch>`', onPage('other', 'shop', append.prefetch)],
  ['speculation rules, prefetch', onPage('other', 'shop', append.speculationPrefetch)],
  ['`<img>`', onPage('other', 'shop', append.image)],
  ['`<iframe>`', onPage('other', 'shop', append.frame)],
];
