// Memory by tier, time in the network by dimension, energy. Each null where no run knows it.
import { Figure } from './figure.js';
import { longest, named, runs } from './runs.js';
import { bytes, number, time, timeScale } from './units.js';

export function memory() {
  const series = runs.filter((run) => run.memory).flatMap((run) => run.memory.series.map((one) => ({
    ...one, name: named(run, one.name), times: run.memory.times })));
  if (series.length === 0) return null;
  const scale = timeScale(longest);
  const gib = 2 ** 30;
  return new Figure({
    id: 'memory', title: 'Memory',
    note: `Used by weights and KV blocks, cached ones included; NPU memory is that of one rank. ${series
      .map((one) => `${one.name}: ${bytes(one.capacity_bytes)}`).slice(0, 6).join(', ')}.`,
    option: () => ({
      tooltip: { trigger: 'axis', valueFormatter: (value) => `${number(value)} GiB` },
      xAxis: { type: 'value', name: `simulated time (${scale.unit})`, min: 0, max: longest / scale.ns,
        axisLabel: { formatter: (value) => number(value) } },
      yAxis: { type: 'value', name: 'GiB', min: 0 },
      series: series.map((one) => ({ name: one.name, type: 'line', step: 'end', showSymbol: false,
        lineStyle: { width: 1.6 }, data: one.used.map((used, i) => [one.times[i] / scale.ns, used / gib]) })),
    }),
    data: () => ({ rows: series[0].times.length, columns: [
      { name: 'time', cell: (i) => time(series[0].times[i]) },
      ...series.map((one) => ({ name: one.name, cell: (i) => (i < one.used.length ? bytes(one.used[i]) : '') })),
    ] }),
  });
}

/** Horizontal bars, stacked by kind. */
function stacked({ id, title, note, unit, rows, rowName, kinds, value, format }) {
  return new Figure({
    id, title, note,
    option: () => ({
      tooltip: { trigger: 'item', formatter: (item) => `${item.name}\n${item.seriesName}: ${format(item.value * unit.size)}` },
      xAxis: { type: 'value', name: unit.name, min: 0 },
      yAxis: { type: 'category', data: rows.map((row) => row.name), inverse: true },
      series: kinds.map((kind) => ({ name: kind, type: 'bar', stack: 'all', barMaxWidth: 34,
        data: rows.map((row) => value(row, kind) / unit.size) })),
    }),
    data: () => ({ rows: rows.length, columns: [{ name: rowName, cell: (i) => rows[i].name },
      ...kinds.map((kind) => ({ name: kind, cell: (i) => format(value(rows[i], kind)) }))] }),
  });
}

export function network() {
  const rows = runs.flatMap((run) => (run.summary.network ?? []).map((dimension) => ({
    ...dimension, name: named(run, `${dimension.name} (${dimension.npus} NPUs)`) })));
  if (rows.length === 0) return null;
  const kinds = [...new Set(rows.flatMap((row) => Object.keys(row.npu_ns_by_collective)))];
  const scale = timeScale(Math.max(...rows.map((row) => row.npu_ns)));
  return stacked({
    id: 'network', title: 'Network time by dimension', rows, rowName: 'dimension', kinds, format: time,
    note: 'Time that NPUs spend in collectives over each dimension, summed over the NPUs; waiting for peers counts.',
    unit: { name: `NPU time (${scale.unit})`, size: scale.ns },
    value: (row, kind) => row.npu_ns_by_collective[kind] ?? 0,
  });
}

export function energy() {
  const rows = runs.flatMap((run) => (run.summary.energy?.nodes ?? []).map((node, index) => ({
    ...node, name: named(run, `node ${index}`) })));
  if (rows.length === 0) return null;
  return stacked({
    id: 'energy', title: 'Energy', rows, rowName: 'node', note: 'By node and component.',
    kinds: ['base', 'npu', 'cpu', 'memory', 'link', 'nic', 'storage'], unit: { name: 'energy (J)', size: 1 },
    format: (value) => `${number(value)} J`, value: (row, kind) => row[`${kind}_j`] ?? 0,
  });
}
