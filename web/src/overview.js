// The numbers first: cards for one run, a comparison for several, warnings below.
import { element } from './dom.js';
import { runs, several } from './runs.js';
import { count, number, time } from './units.js';

const of = (metric, quantile) => (run) => run.summary.latency[metric][quantile];
// [name, value, format, +1 when more is better, -1 when less is, 0 neither]
const rows = [
  ['Requests', (run) => run.summary.requests, count, 0],
  ['Simulated time', (run) => run.summary.simulated_ns, time, 0],
  ['Requests per second', (run) => run.summary.throughput.requests_per_s, number, 1],
  ['Generated tokens per second', (run) => run.summary.throughput.generated_tokens_per_s, number, 1],
  ['All tokens per second', (run) => run.summary.throughput.total_tokens_per_s, number, 1],
  ['TTFT, median', of('ttft_ns', 'p50'), time, -1],
  ['TTFT, P99', of('ttft_ns', 'p99'), time, -1],
  ['TPOT, median', of('tpot_ns', 'p50'), time, -1],
  ['TPOT, P99', of('tpot_ns', 'p99'), time, -1],
  ['ITL, P99', of('itl_ns', 'p99'), time, -1],
  ['Latency, median', of('latency_ns', 'p50'), time, -1],
  ['Latency, P99', of('latency_ns', 'p99'), time, -1],
  ['Queueing, P99', of('queue_ns', 'p99'), time, -1],
  ['Preemptions', (run) => run.summary.preemptions, count, -1],
  ['Energy', (run) => run.summary.energy?.total_j, (value) => `${number(value)} J`, -1],
].filter(([, value]) => runs.some((run) => value(run) !== undefined && value(run) !== null));

function shown(value, format) {
  return value === undefined || value === null ? '–' : format(value);
}

function compared(value, first, sense) {
  if (value === undefined || first === undefined || value === null || !first || value === first) return '';
  const change = (value / first - 1) * 100;
  const good = change * sense > 0;
  return element('span', { class: sense === 0 ? '' : good ? 'better' : 'worse' },
    ` ${change > 0 ? '+' : '−'}${Math.abs(change).toFixed(1)} %`);
}

function comparison() {
  return element('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Summary' },
    element('table', { id: 'summary' },
      element('thead', {}, element('tr', {}, element('th', { scope: 'col' }, 'Figure'),
        ...runs.map((run) => element('th', { scope: 'col' }, run.name)))),
      element('tbody', {}, ...rows.map(([name, value, format, sense]) => element('tr', {},
        element('th', { scope: 'row' }, name),
        ...runs.map((run, index) => element('td', {}, shown(value(run), format),
          index > 0 ? compared(value(run), value(runs[0]), sense) : '')))))));
}

function cards() {
  return element('div', { class: 'cards', id: 'summary' }, ...rows.map(([name, value, format]) =>
    element('div', { class: 'card' }, element('b', {}, shown(value(runs[0]), format)),
      element('span', {}, name))));
}

function instances(run) {
  return run.summary.instances.map((instance) => {
    const parts = [`instance ${instance.instance}`, instance.model];
    if (instance.hardware) {
      parts.push(`${instance.npus} × ${instance.hardware}`,
        `TP ${instance.tp}, PP ${instance.pp}, EP ${instance.ep}`);
    }
    if (instance.dp_group) parts.push(`DP group ${instance.dp_group}`);
    if (instance.role === 'prefill' || instance.role === 'decode') parts.push(instance.role);
    return element('li', {}, `${parts.join(' · ')} · ${count(instance.requests)} requests`);
  });
}

/** What made the result, and from which files. */
function provenance(run) {
  const made = run.summary.provenance;
  if (!made) return [];
  return [
    element('p', { class: 'note' },
      `Made by lockstep ${made.lockstep}, commit ${made.commit}, seed ${made.seed}. `
      + `Result file: xxh128 ${made.result.xxh128}. ${made.command.length ? `lockstep ${made.command.join(' ')}` : ''}`),
    element('ul', { class: 'note' }, ...made.inputs.map((file) =>
      element('li', {}, `${file.role}: ${file.path} (${file.xxh128 ?? 'no file'})`)))];
}

function origin(run) {
  const kernels = run.summary.kernel_times;
  if (!kernels) return [];
  const kinds = ['exact', 'interpolated', 'extrapolated', 'analytic'];
  const all = kinds.reduce((sum, kind) => sum + kernels[kind], 0);
  const shares = kinds.filter((kind) => kernels[kind] > 0)
    .map((kind) => `${((100 * kernels[kind]) / all).toFixed(1)} % ${kind}`);
  return [element('p', { class: 'note' },
    `Kernel times: ${shares.join(', ')}. ${kernels.sources.join('; ')}. Fidelity: ${run.summary.fidelity}.`)];
}

export function overview() {
  return element('section', { id: 'overview' },
    element('h2', {}, several ? 'Comparison' : 'Summary'),
    several ? comparison() : cards(),
    ...runs.map((run) => element('details', several ? {} : { open: '' },
      element('summary', {}, several ? `What ran: ${run.name}` : 'What ran'),
      element('ul', {}, ...instances(run)), ...origin(run), ...provenance(run))),
    ...runs.filter((run) => run.summary.partial).map((run) =>
      element('p', { class: 'warn' }, `${several ? `${run.name}: ` : ''}The run was stopped before its end: this is part of it.`)),
    ...runs.flatMap((run) => (run.summary.warnings ?? []).map((warning) =>
      element('p', { class: 'warn' }, several ? `${run.name}: ${warning}` : warning))));
}
