// From a broken shop to the shop as it was, as a person does it: by mouse, by keyboard, without a script.
const fs = require('fs');
const { expect, fits, link, login, test } = require('./page');

const file = `${process.env.HOLDFAST_SITE}/index.html`;
const read = () => fs.readFileSync(file, 'utf8');

// Moves on by Tab alone until something of this name has the focus.
async function tabTo(page, name) {
  for (let step = 0; step < 120; step += 1) {
    await page.keyboard.press('Tab');
    const at = await page.evaluate(() => {
      const one = document.activeElement;
      if (!one.matches('a, button, input, select, summary')) return '';
      const label = one.labels?.[0]?.textContent ?? '';
      return `${label} ${one.textContent} ${one.getAttribute('aria-label') ?? ''}`;
    });
    if (name.test(at)) return;
  }
  throw new Error(`nothing called ${name} is reached by Tab`);
}

async function walk(page, press) {
  fs.writeFileSync(file, 'as it was\n');
  await login(page, '42');
  await fits(page);
  await press('button', /^Continue$/);
  await expect(page.getByRole('heading', { level: 1 })).toContainText('Save a backup');
  await press('button', /^Save the backup$/);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Your backup is made');
  const address = await page.getByRole('link', { name: 'Look at the backup' }).getAttribute('href');
  fs.writeFileSync(file, 'hacked\n');

  await page.goto(address);
  await press('link', /^Restore this backup/);
  await expect(page).toHaveTitle(/^Restore to /);
  await fits(page);
  await page.getByLabel(/Type RESTORE/).fill('restor');
  await page.getByLabel(/Note/).fill('the shop is broken');
  await press('button', /^Restore /);
  await expect(page).toHaveTitle(/^Error: Restore to /);
  await expect(page.locator('.summary')).toBeFocused();
  await expect(page.getByLabel(/Note/)).toHaveValue('the shop is broken');
  expect(read()).toBe('hacked\n');
  await page.getByLabel(/Type RESTORE/).fill(' restore');
  await press('button', /^Restore /);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Your site is restored');
  expect(read()).toBe('as it was\n');
  await fits(page);

  await press('link', /^Undo this restore/);
  await press('button', /^Undo the restore$/);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('The restore is undone');
  expect(read()).toBe('hacked\n');
  await press('link', /^Undo this undo/);
  await press('button', /^Undo the undo$/);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('The undo is undone');
  expect(read()).toBe('as it was\n');
}

const click = (page) => (role, name) => page.getByRole(role, { name }).first().click();

test('by mouse', async ({ page }) => {
  await walk(page, click(page));
});

test('by keyboard alone', async ({ page }) => {
  await walk(page, async (role, name) => {
    await tabTo(page, new RegExp(name.source.replace(/[$^]/g, '')));
    const moved = page.waitForEvent('load');
    await page.keyboard.press('Enter');
    await moved;
  });
});

test.describe('on a telephone, in the dark, without a script', () => {
  test.use({ javaScriptEnabled: false, viewport: { width: 320, height: 640 }, colorScheme: 'dark' });
  test('all of it', async ({ page, context }) => {
    // Only a script can measure; this context has none, so the measuring is left out.
    fs.writeFileSync(file, 'as it was\n');
    await page.goto(await link('42'));
    await page.getByRole('button', { name: 'Open my backups' }).click();
    await page.waitForURL('**/backups');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('button', { name: 'Save the backup' }).click();
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Your backup is made');
    fs.writeFileSync(file, 'hacked\n');
    await page.getByRole('link', { name: 'Look at the backup' }).click();
    await page.getByRole('link', { name: /^Restore this backup/ }).click();
    await page.getByLabel(/Type RESTORE/).fill('no');
    await page.getByRole('button', { name: /^Restore / }).click();
    await expect(page).toHaveTitle(/^Error: /);
    await page.getByLabel(/Type RESTORE/).fill('restore');
    await page.getByRole('button', { name: /^Restore / }).click();
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Your site is restored');
    expect(read()).toBe('as it was\n');
    await page.getByRole('link', { name: /^Undo this restore/ }).click();
    await page.getByRole('button', { name: 'Undo the restore' }).click();
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('The restore is undone');
    expect(read()).toBe('hacked\n');
    await context.clearCookies();
    await page.goto('/backups');
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('You are logged out');
  });
});

test('the numbers of a running order change without a reload, and a screen reader hears of them', async ({ page }) => {
  const states = JSON.parse(process.env.HOLDFAST_STATES);
  const running = states.find((state) => state.name === 'restore-fetch');
  await login(page, running.customer);
  await page.goto(running.path);
  await page.evaluate(() => { window.same = true; });
  await expect(page.getByRole('progressbar', { name: 'Fetching your backup' })).toHaveAttribute('value', '67');
  fs.writeFileSync(process.env.HOLDFAST_GO_ON, '');
  await expect(page.locator('[data-live=percent]')).toHaveText('91 %');
  await expect(page.getByRole('status')).toHaveText('Fetching your backup, 90 percent');
  expect(await page.evaluate(() => window.same)).toBe(true);
});
