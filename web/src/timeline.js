// Throughput, and running and waiting requests, over simulated time.
import { Figure } from './figure.js';
import { longest, named, runs, several } from './runs.js';
import { number, time, timeScale } from './units.js';

function overTime({ id, title, note, unit, lines, rate }) {
  const scale = timeScale(longest);
  const values = (run, key) => {
    const factor = rate ? 1e9 / run.timeline.width_ns : 1;
    return run.timeline[key].map((value) => value * factor);
  };
  const series = runs.flatMap((run) => lines.map(([key, name]) => ({
    run, name: named(run, name), values: values(run, key), width: run.timeline.width_ns,
  })));
  return new Figure({
    id, title, note,
    option: () => ({
      // With several runs the first line of each is enough to begin with; the legend has the others.
      legend: several ? { selected: Object.fromEntries(runs.flatMap((run) =>
        lines.slice(1).map(([, name]) => [named(run, name), false]))) } : {},
      tooltip: { trigger: 'axis', valueFormatter: (value) => `${number(value)} ${unit}` },
      xAxis: { type: 'value', name: `simulated time (${scale.unit})`, min: 0, max: longest / scale.ns,
        axisLabel: { formatter: (value) => number(value) } },
      yAxis: { type: 'value', name: unit, min: 0 },
      series: series.map((one) => ({ name: one.name, type: 'line', step: 'end', showSymbol: false,
        lineStyle: { width: 1.6 }, areaStyle: { opacity: 0.08 },
        data: one.values.map((value, i) => [(i * one.width) / scale.ns, value]) })),
    }),
    data: () => ({
      rows: Math.max(...series.map((one) => one.values.length)),
      columns: [
        { name: 'from', cell: (i) => time(i * series[0].width) },
        ...series.map((one) => ({ name: `${one.name} (${unit})`,
          cell: (i) => (i < one.values.length ? number(one.values[i]) : '') })),
      ],
    }),
  });
}

export const throughput = () => overTime({
  id: 'throughput', title: 'Throughput over time', unit: 'tok/s', rate: true,
  note: 'Generated tokens as they come; a prompt counts when its first token comes.',
  lines: [['generated_tokens', 'generated'], ['prompt_tokens', 'prompt']],
});

export const concurrency = () => overTime({
  id: 'concurrency', title: 'Running and waiting requests', unit: 'requests',
  note: 'Mean number in each interval. Waiting: arrived and not yet scheduled.',
  lines: [['running', 'running'], ['waiting', 'waiting']],
});
