// How a latency is spread: histogram and cumulative distribution, with a choice of the metric.
import { element, select } from './dom.js';
import { Figure } from './figure.js';
import { named, runs } from './runs.js';
import { count, number, time, timeScale } from './units.js';

const metrics = [
  ['ttft', 'TTFT: time to first token'], ['tpot', 'TPOT: time per output token'],
  ['itl', 'ITL: inter-token latency'], ['latency', 'Latency: arrival to last token'],
  ['queue', 'Queueing: arrival to scheduling'],
];

export function distributions() {
  let metric = 'ttft';
  const shapes = () => runs.map((run) => ({ run, shape: run.distributions[metric] }))
    .filter(({ shape }) => shape.count > 0);
  const scale = () => timeScale(Math.max(...shapes().map(({ shape }) => shape.quantiles.at(-1)), 1));
  const choice = (figures) => element('div', { class: 'controls' }, element('label', {}, 'Metric ',
    select('Metric', metrics.map(([, name]) => name), (index) => {
      [metric] = metrics[index];
      figures().forEach((figure) => figure.refresh());
    })));

  const histogram = new Figure({
    id: 'histogram', title: 'Latency distribution',
    note: 'Number of values by bin. The last bin holds all above the 99.5th percentile.',
    controls: choice(() => [histogram, cdf]),
    option: () => {
      const { unit, ns } = scale();
      return {
        tooltip: { trigger: 'axis', valueFormatter: count },
        xAxis: { type: 'value', name: `${metric.toUpperCase()} (${unit})`, min: 'dataMin' },
        yAxis: { type: 'value', name: 'values', min: 0 },
        series: shapes().map(({ run, shape }) => ({ name: named(run, metric.toUpperCase()), type: 'line',
          step: 'end', showSymbol: false, lineStyle: { width: 1.2 },
          areaStyle: { opacity: runs.length > 1 ? 0.35 : 0.75 },
          data: [...shape.bins, 0].map((value, i) => [(shape.low + i * shape.bin_ns) / ns, value]) })),
      };
    },
    data: () => ({
      rows: 41,
      columns: shapes().flatMap(({ run, shape }) => [
        { name: named(run, 'from'), cell: (i) => time(shape.low + i * shape.bin_ns) },
        { name: named(run, 'values'), cell: (i) => count(shape.bins[i]) },
      ]),
    }),
  });

  const marks = [0, 50, 90, 95, 99, 99.5, 100];
  const cdf = new Figure({
    id: 'cdf', title: 'Cumulative distribution', note: 'Share of values at or below a time.',
    option: () => {
      const { unit, ns } = scale();
      return {
        tooltip: { trigger: 'axis', valueFormatter: (value) => `${number(value)} %` },
        xAxis: { type: 'value', name: `${metric.toUpperCase()} (${unit})`, min: 'dataMin' },
        yAxis: { type: 'value', name: '% of values', min: 0, max: 100 },
        series: shapes().map(({ run, shape }) => ({ name: named(run, metric.toUpperCase()), type: 'line',
          showSymbol: false, lineStyle: { width: 2 },
          data: shape.quantiles.map((value, i) => [value / ns, i / 2]) })),
      };
    },
    data: () => ({
      rows: marks.length,
      columns: [
        { name: 'percentile', cell: (i) => marks[i] },
        ...shapes().map(({ run, shape }) => ({ name: named(run, `${metric.toUpperCase()} (ns)`),
          cell: (i) => count(marks[i] === 99 ? shape.p99 : shape.quantiles[marks[i] * 2]) })),
      ],
    }),
  });
  return [histogram, cdf];
}
