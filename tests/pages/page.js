// A page that fails its test by an error in the console or a request to another host; and how one logs in.
const { test: base, expect, request } = require('@playwright/test');

const url = process.env.HOLDFAST_URL;

exports.expect = expect;
exports.test = base.extend({
  page: async ({ page }, use) => {
    const wrong = [];
    page.on('pageerror', (error) => wrong.push(`script: ${error}`));
    page.on('console', (message) => {
      // The page itself may be answered with 422 or 404: that is what is tested then.
      const own = message.text().startsWith('Failed to load resource') &&
        !message.location().url.includes('/static/');
      if (message.type() === 'error' && !own) wrong.push(`console: ${message.text()}`);
    });
    page.on('request', (asked) => {
      if (!asked.url().startsWith(url)) wrong.push(`elsewhere: ${asked.url()}`);
    });
    await use(page);
    expect(wrong).toEqual([]);
  },
});

// The address of a new login link.
exports.link = async (customer) => {
  const api = await request.newContext({
    extraHTTPHeaders: { Authorization: `Bearer ${process.env.HOLDFAST_TOKEN}` },
  });
  const data = { customer, subject: 'alice' };
  const made = await api.post(`${url}/api/v1/login-links`, { data });
  expect(made.status()).toBe(201);
  const link = (await made.json()).url;
  await api.dispose();
  return link;
};

// Logs in, with a script or without.
exports.login = async (page, customer) => {
  await page.goto(await exports.link(customer));
  const button = page.getByRole('button', { name: 'Open my backups' });
  await Promise.race([
    page.waitForURL('**/backups'),
    button.click({ noWaitAfter: true }).catch(() => {}),
  ]);
  await page.waitForURL('**/backups');
};

// Nothing is wider than the window.
exports.fits = async (page) => {
  const over = await page.evaluate(() =>
    document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(over).toBeLessThanOrEqual(0);
};
