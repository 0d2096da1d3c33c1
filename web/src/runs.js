// The runs of the page, each with a name of its own.
import { table } from './tables.js';

export const runs = JSON.parse(document.getElementById('runs').textContent);

runs.forEach((run, index) => {
  run.requests = table(run.requests);
  run.steps = table(run.steps);
  const same = runs.filter((other) => other.title === run.title).length > 1;
  run.name = same || !run.title ? `${run.title || 'run'} (${index + 1})` : run.title;
});

export const several = runs.length > 1;
/** "x" of one run, "run: x" where there are several. */
export const named = (run, text) => (several ? `${run.name}: ${text}` : text);
export const longest = Math.max(...runs.map((run) => run.summary.simulated_ns));
