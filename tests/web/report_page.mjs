// Opens report pages in a real browser. `node report_page.mjs TASK.json`: the task names pages and
// what to do; what the pages show goes to stdout as JSON. The browser is the system's Chromium.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const task = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const profile = mkdtempSync(join(tmpdir(), 'lockstep-page-'));
const context = await chromium.launchPersistentContext(profile, {
  executablePath: task.chromium,
  headless: true,
  viewport: { width: 1320, height: 900 },
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

const answers = { problems: [], requested: [] };
try {
  const page = await context.newPage();
  page.on('dialog', (dialog) => { answers.problems.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on('pageerror', (error) => answers.problems.push(`error: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') answers.problems.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => answers.requested.push(request.url()));

  const open = async (file) => {
    await page.goto(`file://${file}`);
    await page.waitForFunction(() => ['ready', 'complete'].every((state) =>
      document.documentElement.dataset[state] === 'yes'));
  };
  const tableOf = async (id) => {
    await page.click(`#${id} button:has-text("Table")`);
    return page.$$eval(`#${id} .scroll table tr`, (rows) =>
      rows.map((row) => [...row.children].map((cell) => cell.textContent)));
  };

  await open(task.page);
  answers.title = await page.title();
  answers.text = await page.innerText('body');
  answers.scripts = await page.$$eval('script', (scripts) => scripts.length);
  answers.sections = await page.$$eval('main > section', (sections) => sections.map((one) => one.id));
  answers.summary = await page.$$eval('#summary .card', (cards) =>
    Object.fromEntries(cards.map((card) => [card.lastChild.textContent, card.firstChild.textContent])));
  answers.data = await page.evaluate(() => globalThis.lockstepReport.runs[0].summary);
  answers.requests = await tableOf('requests');
  answers.cdf = await tableOf('cdf');
  answers.throughput = await tableOf('throughput');

  // Keyboard: + zooms in, 0 shows all again.
  const zoom = () => page.evaluate(() => {
    const { start, end } = globalThis.lockstepReport.figures.throughput.chart.getOption().dataZoom[0];
    return [start, end];
  });
  await page.focus('#throughput .chart');
  await page.keyboard.press('+');
  answers.zoomed = await zoom();
  await page.keyboard.press('0');
  answers.unzoomed = await zoom();
  // Every figure zooms, has units, a table and both ways to save; drawn, it still has its own label.
  answers.figures = {};
  for (const id of answers.sections.slice(1)) {
    await page.$eval(`#${id}`, (section) => section.scrollIntoView());
    await page.evaluate((name) => globalThis.lockstepReport.figures[name].drawn, id);
    await page.focus(`#${id} .chart`);
    await page.keyboard.press('+');
    answers.figures[id] = await page.evaluate((name) => {
      const figure = globalThis.lockstepReport.figures[name];
      const { dataZoom: [{ start, end }], xAxis: [{ name: unit }] } = figure.chart.getOption();
      return { start, end, unit, tools: [...figure.root.querySelectorAll('.tools button')].map((one) => one.textContent) };
    }, id);
  }
  answers.labels = await page.$$eval('.chart', (charts) =>
    charts.map((chart) => [chart.getAttribute('role'), chart.getAttribute('aria-label'),
      chart.closest('section').querySelector('h2').textContent]));
  answers.headers = await page.$$eval('th', (cells) => cells.map((cell) => cell.textContent));

  answers.svg = await page.evaluate(() => globalThis.lockstepReport.figures.throughput.svg());
  const saving = page.waitForEvent('download');
  await page.click('#throughput button:has-text("PNG")');
  answers.png = (await saving).suggestedFilename();

  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  answers.light = await background();
  await page.click('#theme');
  answers.dark = await background();
  if (task.shots) await page.screenshot({ path: `${task.shots}/dark.png`, fullPage: true });

  await open(task.comparison);
  answers.comparison = await page.$$eval('#summary tr', (rows) =>
    rows.map((row) => [...row.children].map((cell) => cell.textContent)));
  if (task.large) {
    await open(task.large);
    answers.large = await page.evaluate(() => {
      const { requests } = globalThis.lockstepReport.runs[0];
      return Object.fromEntries(Object.keys(requests).map((key) =>
        [key, requests[key].reduce((sum, value, i) => (sum * 31 + value + i) % 1e9, 0)]));
    });
  }
  process.stdout.write(JSON.stringify(answers));
} finally {
  await context.close();
  rmSync(profile, { recursive: true, force: true });
}
