// Every state of every page: nothing wider than the window, nothing that axe finds, and a picture of each if
// HOLDFAST_PICTURES names a folder.
const { AxeBuilder } = require('@axe-core/playwright');
const { expect, fits, login, test } = require('./page');

const states = JSON.parse(process.env.HOLDFAST_STATES);
const pictures = process.env.HOLDFAST_PICTURES;
const looks = [
  { name: 'light', colorScheme: 'light', viewport: { width: 1000, height: 800 } },
  { name: 'dark', colorScheme: 'dark', viewport: { width: 1000, height: 800 } },
  { name: 'narrow', colorScheme: 'light', viewport: { width: 320, height: 640 } },
];

for (const look of looks) {
  test.describe(look.name, () => {
    test.use({ colorScheme: look.colorScheme, viewport: look.viewport, reducedMotion: 'reduce' });
    test.setTimeout(600_000);
    test('every state', async ({ page, context }) => {
      const wrong = [];
      let customer = null;
      for (const state of states) {
        if (state.customer !== customer) {
          await context.clearCookies();
          if (state.customer) await login(page, state.customer);
          customer = state.customer;
        }
        await page.goto(state.path);
        if (state.word) {
          await page.getByLabel(/Type /).fill(state.word);
          await page.getByRole('button', { name: /^Restore / }).click();
        }
        await expect(page.getByRole('heading', { level: 1 })).toContainText(state.heading);
        await fits(page);
        const small = await page.evaluate(() =>
          [...document.querySelectorAll('button, .button, input:not([type=hidden]), select, .day, nav a')]
            .filter((one) => one.checkVisibility() && one.type !== 'radio')
            .filter((one) => one.getBoundingClientRect().height < 43.5 && !one.matches('.small'))
            .map((one) => one.outerHTML.slice(0, 80)));
        if (small.length) wrong.push({ state: state.name, small });
        // Of what axe looks at, the scheme changes the colours alone, and the width nothing.
        const axe = new AxeBuilder({ page });
        if (look.name === 'dark') axe.withRules(['color-contrast']);
        const found = look.name === 'narrow' ? {} : await axe.analyze();
        for (const kind of ['violations', 'incomplete']) {
          for (const one of found[kind] ?? []) {
            // Of a sign such as a tick, axe cannot say how well it is seen. It is hidden from screen readers,
            // has the colour of the words beside it, and says nothing that they do not say.
            const nodes = one.nodes.filter((node) =>
              !(kind === 'incomplete' && node.any?.[0]?.data?.messageKey === 'nonBmp'));
            const where = nodes.map((node) => `${node.target} ${node.any?.[0]?.message ?? ''}`);
            if (where.length) wrong.push({ state: state.name, kind, id: one.id, where });
          }
        }
        if (pictures) {
          await page.evaluate(() => document.activeElement?.blur());
          await page.screenshot({ path: `${pictures}/${state.name}-${look.name}.png`, fullPage: true });
        }
      }
      expect(wrong).toEqual([]);
    });
  });
}
