// How the pages are tested in a browser: Debian's Chromium, one page at a time, nothing fetched.
const { defineConfig } = require('@playwright/test');

module.exports = defineConfig({
  testDir: __dirname,
  outputDir: process.env.HOLDFAST_OUTPUT,
  workers: 1,
  fullyParallel: false,
  timeout: 60_000,
  expect: { timeout: 30_000 },
  reporter: 'list',
  use: {
    baseURL: process.env.HOLDFAST_URL,
    locale: 'en-GB',
    // A zone of the browser's that is not the server's: times are the server's.
    timezoneId: 'America/Los_Angeles',
    trace: 'off',
    launchOptions: { executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] },
  },
});
