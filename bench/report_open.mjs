// How long a page of `lockstep report` takes to open, in the system's Chromium.
// `node report_open.mjs CHROMIUM PAGE [REPETITIONS]` prints one JSON object an opening: ms from the
// start of the navigation until the page says that its charts in sight are drawn (ready), that all its
// sections are there (complete), and, from a click on "Requests", until that chart is drawn (requests).
// Every opening has a browser and a profile of its own: nothing is warm but the file.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const [executablePath, file, repetitions = '5'] = process.argv.slice(2);

async function opening() {
  const profile = mkdtempSync(join(tmpdir(), 'lockstep-open-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    viewport: { width: 1320, height: 900 },
    args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
  });
  try {
    const page = await context.newPage();
    await page.goto(`file://${file}`);
    await page.waitForFunction(() => ['ready', 'complete'].every((state) =>
      document.documentElement.dataset[state] === 'yes'));
    return await page.evaluate(async () => {
      const at = (state) => performance.getEntriesByName(`lockstep-${state}`)[0].startTime;
      const begin = performance.now();
      document.querySelector('#contents a[href="#requests"]').click();
      await globalThis.lockstepReport.figures.requests.drawn;
      return { ready: at('ready'), complete: at('complete'), requests: performance.now() - begin };
    });
  } finally {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  }
}

for (let i = 0; i < Number(repetitions); i += 1) {
  console.log(JSON.stringify(await opening()));
}
