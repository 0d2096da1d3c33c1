// Bars on rows over time, and the two views made of them: requests, and steps of a DP group.
import { element, select } from './dom.js';
import { Figure } from './figure.js';
import { runs, several } from './runs.js';
import { ink, palette } from './theme.js';
import { bytes, count, number, time, timeScale } from './units.js';

/** `bars`: [row, begin ns, end ns, kind, text]; `kinds`: names, coloured by the palette. */
function bars({ rows, kinds, colours, list, from, to, rowName }) {
  const scale = timeScale(to);
  const draw = (params, api) => {
    const [x0, y] = api.coord([api.value(1), api.value(0)]);
    const [x1] = api.coord([api.value(2), api.value(0)]);
    const height = Math.max(1.5, api.size([0, 1])[1] * 0.72);
    const area = params.coordSys;
    const left = Math.max(x0, area.x);
    const right = Math.min(Math.max(x1, x0 + 1), area.x + area.width);
    return right < left ? null : { type: 'rect', style: api.style(),
      shape: { x: left, y: y - height / 2, width: Math.max(right - left, 0.8), height } };
  };
  return {
    grid: { top: 44 },
    tooltip: { trigger: 'item', formatter: (item) => item.value[3] },
    xAxis: { type: 'value', name: `simulated time (${scale.unit})`, min: from / scale.ns, max: to / scale.ns,
      axisLabel: { formatter: (value) => number(value), showMinLabel: false, showMaxLabel: false } },
    yAxis: { type: 'category', data: rows, inverse: true, name: rowName, nameLocation: 'start',
      splitLine: { show: false }, axisTick: { show: false } },
    series: kinds.map((name, kind) => ({ name, type: 'custom', renderItem: draw, color: colours[kind],
      encode: { x: [1, 2], y: 0 }, itemStyle: { color: colours[kind] },
      data: list.filter((bar) => bar[3] === kind)
        .map(([row, begin, end, , text]) => [row, begin / scale.ns, end / scale.ns, text]) })),
  };
}

const orders = [
  ['arrival', (r) => r.arrival, 1], ['longest latency first', (r) => r.latency, -1],
  ['longest TTFT first', (r) => r.ttft, -1], ['longest queueing first', (r) => r.queue, -1],
  ['request id', (r) => r.id, 1],
];

export function requestGantt() {
  let run = runs[0];
  let order = 0;
  let first = 0;
  const size = 50;
  let sorted = null;  // when first looked at
  const total = () => run.summary.requests;
  const sort = () => {
    const [, key, sense] = orders[order];
    const values = key(run.requests);
    return Array.from(values.keys()).sort((a, b) => (values[a] - values[b]) * sense || a - b);
  };
  const again = () => { sorted = null; first = 0; update(); };
  const page = () => (sorted ??= sort()).slice(first, first + size);
  const range = element('input', { type: 'range', min: '0', value: '0', 'aria-label': 'First request shown',
    oninput: () => { first = Number(range.value); update(); } });
  const where = element('span', { 'aria-live': 'polite' });
  const step = (name, move) => element('button', { type: 'button', onclick: () => {
    first = Math.min(Math.max(0, first + move), Math.max(0, total() - size));
    update();
  } }, name);
  let figure;
  const update = () => {
    range.max = String(Math.max(0, total() - size));
    range.value = String(first);
    where.textContent = `${count(first + 1)} to ${count(Math.min(first + size, total()))} of ${count(total())}`;
    figure?.refresh();
  };
  const controls = element('div', { class: 'controls' },
    ...(several ? [element('label', {}, 'Run ', select('Run', runs.map((one) => one.name), (index) => {
      run = runs[index]; again();
    }))] : []),
    element('label', {}, 'Order ', select('Order', orders.map(([name]) => name), (index) => {
      order = index; again();
    })),
    step('Previous', -size), range, step('Next', size), where);

  const parts = (i, row) => {
    const r = run.requests;
    const scheduled = r.arrival[i] + Math.max(0, r.queue[i]);
    const firstToken = r.ttft[i] < 0 ? scheduled : r.arrival[i] + r.ttft[i];
    const head = `request ${r.id[i]}, instance ${r.instance[i]}\n${count(r.input[i])} + ${count(r.output[i])} tokens`;
    const list = [
      [row, r.arrival[i], scheduled, 0, `${head}\nqueue: ${time(scheduled - r.arrival[i])}`],
      [row, scheduled, firstToken, 1, `${head}\nprefill: ${time(firstToken - scheduled)}`],
      [row, firstToken, r.end[i], 2, `${head}\ndecode: ${time(r.end[i] - firstToken)}`],
    ];
    if (r.tool?.[i] > 0) {
      list.push([row, r.end[i], r.end[i] + r.tool[i], 3, `${head}\ntool: ${time(r.tool[i])}`]);
    }
    return list.filter((bar) => bar[2] > bar[1]);
  };
  figure = new Figure({
    id: 'requests', title: 'Requests', tall: true, controls,
    note: 'One row a request: in the queue, prefill until the first token, decode; between calls of a session its tool runs.',
    option: () => {
      const list = page().flatMap(parts);
      const colours = palette();
      return bars({
        rows: page().map((i) => String(run.requests.id[i])), rowName: 'request',
        kinds: run.requests.tool ? ['queue', 'prefill', 'decode', 'tool'] : ['queue', 'prefill', 'decode'],
        colours: [ink().soft, colours[1], colours[0], colours[2]],
        list, from: Math.min(...list.map((bar) => bar[1]), Infinity), to: Math.max(...list.map((bar) => bar[2]), 1),
      });
    },
    data: () => {
      const r = run.requests;
      sorted ??= sort();
      const at = (key, format) => ({ name: key, cell: (row) => format(r[key][sorted[row]]) });
      const ns = (key) => ({ name: `${key} (ns)`, cell: (row) => r[key][sorted[row]] });
      return { rows: sorted.length, columns: [at('id', String), at('instance', String), at('input', count),
        at('output', count), ns('arrival'), ns('queue'), ns('ttft'), ns('tpot'), ns('latency'), ns('end')] };
    },
  });
  update();
  return figure;
}

export function waves() {
  const having = runs.filter((run) => run.steps);
  if (having.length === 0) return null;
  let run = having[0];
  let first = 0;
  const size = 240;
  const shown = () => run.steps.launch.length;
  const range = element('input', { type: 'range', min: '0', value: '0', 'aria-label': 'First step shown',
    oninput: () => { first = Number(range.value); update(); } });
  const where = element('span', { 'aria-live': 'polite' });
  let figure;
  const update = () => {
    range.max = String(Math.max(0, shown() - size));
    const cut = run.steps.total > shown() ? `, of ${count(run.steps.total)} in the run` : '';
    where.textContent = `steps ${count(first + 1)} to ${count(Math.min(first + size, shown()))} of ${count(shown())}${cut}`;
    figure?.refresh();
  };
  const controls = element('div', { class: 'controls' },
    ...(having.length > 1 ? [element('label', {}, 'Run ', select('Run', having.map((one) => one.name), (index) => {
      run = having[index]; first = 0; update();
    }))] : []), range, where);
  const kindOf = (s, i) => (s.dummy[i] ? 3 : s.prefills[i] > 0 ? 1 : 2);
  figure = new Figure({
    id: 'waves', title: 'Steps and waves', controls,
    note: 'One row an instance. Members of a DP group start together: who is ready early waits, the shorter batches are padded, an idle member runs a dummy.',
    option: () => {
      const s = run.steps;
      const list = [];
      for (let i = first; i < Math.min(first + size, shown()); i += 1) {
        const row = run.summary.instances.findIndex((instance) => instance.instance === s.instance[i]);
        const text = `instance ${s.instance[i]}, batch ${s.batch[i]}${s.dummy[i] ? ' (dummy)' : ''}\n`
          + `${count(s.requests[i])} requests, ${count(s.prefills[i])} of them prefill\n`
          + `${count(s.tokens[i])} tokens + ${count(s.padding[i])} padding\nKV: ${bytes(s.kv_bytes[i])} a rank`;
        const end = s.end[i] < 0 ? run.summary.simulated_ns : s.end[i];
        list.push([row, s.launch[i], end, kindOf(s, i), `${text}\nstep: ${time(end - s.launch[i])}`]);
        if (s.launch[i] > s.formed[i]) {
          list.push([row, s.formed[i], s.launch[i], 0, `${text}\nwaited ${time(s.launch[i] - s.formed[i])} for others`]);
        }
      }
      const colours = palette();
      return bars({
        rows: run.summary.instances.map((instance) => `instance ${instance.instance}`),
        kinds: ['waits for others', 'with prefill', 'decode only', 'dummy'],
        colours: [ink().line, colours[1], colours[0], colours[4]], list,
        from: Math.min(...list.map((bar) => bar[1]), Infinity), to: Math.max(...list.map((bar) => bar[2]), 1),
      });
    },
    data: () => {
      const s = run.steps;
      const at = (name, key) => ({ name, cell: (i) => count(s[key][i]) });
      return { rows: shown(), columns: [at('wave', 'wave'), at('instance', 'instance'), at('batch', 'batch'),
        at('formed (ns)', 'formed'), at('launch (ns)', 'launch'), at('end (ns)', 'end'),
        at('requests', 'requests'), at('prefills', 'prefills'), at('tokens', 'tokens'), at('padding', 'padding'),
        { name: 'dummy', cell: (i) => (s.dummy[i] ? 'yes' : '') }, at('KV bytes a rank', 'kv_bytes')] };
    },
  });
  update();
  return figure;
}
