// The page of a report: one section after the other.
import { distributions } from './distributions.js';
import { element } from './dom.js';
import { requestGantt, waves } from './gantt.js';
import { overview } from './overview.js';
import { energy, memory, network } from './resources.js';
import { runs, several } from './runs.js';
import { tablesAreHere } from './tables.js';
import { setUpTheme } from './theme.js';
import { concurrency, throughput } from './timeline.js';

setUpTheme(document.getElementById('theme'));
const title = runs.map((run) => run.name).join(' and ');
document.title = `${title} – Lockstep report`;
const { summary } = runs[0];
document.getElementById('subtitle').textContent = several || !summary.cluster_config ? title
  : [summary.cluster_config, summary.dataset ?? 'built-in workload'].join(' · ');

// For tests and for those who look into the page: the figures by id.
globalThis.lockstepReport = { runs, figures: {} };
const main = document.getElementById('main');
function add(figures) {
  for (const figure of figures.filter((one) => one)) {
    main.append(figure.root);
    document.getElementById('contents').append(
      element('a', { href: `#${figure.id}` }, figure.root.querySelector('h2').textContent));
    globalThis.lockstepReport.figures[figure.id] = figure;
  }
}

/** Says in the document and as a performance mark that the page has come to `state`. */
function reached(state) {
  document.documentElement.dataset[state] = 'yes';
  performance.mark(`lockstep-${state}`);
}

main.append(overview());
const first = [throughput(), concurrency(), ...distributions()];
add(first);
const inSight = first.filter((figure) => figure.box.getBoundingClientRect().top < innerHeight);
Promise.all(inSight.map((figure) => figure.drawn)).then(() => reached('ready'));
tablesAreHere.then(() => {
  add([requestGantt(), waves(), memory(), network(), energy()]);
  reached('complete');
});
