// The page of a report: one section after the other.
import { distributions } from './distributions.js';
import { element } from './dom.js';
import { requestGantt, waves } from './gantt.js';
import { overview } from './overview.js';
import { energy, memory, network } from './resources.js';
import { runs, several } from './runs.js';
import { setUpTheme } from './theme.js';
import { concurrency, throughput } from './timeline.js';

setUpTheme(document.getElementById('theme'));
const title = runs.map((run) => run.name).join(' and ');
document.title = `${title} – Lockstep report`;
const { summary } = runs[0];
document.getElementById('subtitle').textContent = several || !summary.cluster_config ? title
  : [summary.cluster_config, summary.dataset ?? 'built-in workload'].join(' · ');

const figures = [throughput(), concurrency(), ...distributions(), requestGantt(), waves(), memory(),
  network(), energy()].filter((figure) => figure);
const main = document.getElementById('main');
main.append(overview(), ...figures.map((figure) => figure.root));
document.getElementById('contents').append(...figures.map((figure) =>
  element('a', { href: `#${figure.id}` }, figure.root.querySelector('h2').textContent)));

// For tests and for those who look into the page: the figures by id.
globalThis.lockstepReport = { runs, figures: Object.fromEntries(figures.map((figure) => [figure.id, figure])) };
document.documentElement.dataset.ready = 'yes';
