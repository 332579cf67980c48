import * as vega from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { valueOf } from '../measure.ts';
import type { RunRecord } from '../run.ts';

/** Each pair of each goal against its must, and what clients get under more and more load. */
export async function toSvg(record: RunRecord): Promise<string> {
  const spec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    config: { font: 'sans-serif', view: { stroke: 'transparent' } },
    background: 'white',
    vconcat: [goalsChart(record), { hconcat: overloadCharts(record) }],
  } as unknown as TopLevelSpec;
  return await new vega.View(vega.parse(compile(spec).spec), { renderer: 'none' }).toSVG();
}

function goalsChart({ experiments }: RunRecord) {
  const values = experiments.flatMap(({ goals, pairs }) =>
    goals.flatMap((goal) =>
      pairs.map((readings) => {
        const reached = valueOf(goal, readings) / goal.must;
        return { goal: `${goal.id} ${goal.ours}`, reached: goal.atMost ? 1 / reached : reached };
      }),
    ),
  );
  const x = { type: 'quantitative', scale: { type: 'log' } };
  return {
    title: 'Each pair, as a multiple of its must (to the right of the line is better)',
    width: 620,
    data: { values },
    layer: [
      {
        mark: { type: 'point', filled: true, opacity: 0.7 },
        encoding: { x: { ...x, field: 'reached', title: null }, y: { field: 'goal', type: 'nominal', title: null } },
      },
      { mark: { type: 'rule', strokeDash: [4, 4] }, encoding: { x: { ...x, datum: 1 } } },
    ],
  };
}

function overloadCharts({ experiments }: RunRecord) {
  const readings = experiments.find(({ name }) => name === 'overload')?.pairs[0] ?? {};
  const values = Object.entries(readings).map(([name, value]) => {
    const [rate = '', ...what] = name.split('/s ');
    return { offered: Number(rate), what: what.join(' '), value };
  });
  const chart = (title: string, whats: readonly string[], y: object) => ({
    title,
    width: 280,
    data: { values: values.filter(({ what }) => whats.includes(what)) },
    mark: { type: 'line', point: true },
    encoding: {
      x: { field: 'offered', type: 'quantitative', title: 'orders offered per second, open loop' },
      y: { field: 'value', type: 'quantitative', ...y },
      color: { field: 'what', type: 'nominal', title: null, legend: { orient: 'bottom' } },
    },
  });
  return [
    chart('Throughput', ['answered 201 per second'], { title: null }),
    chart('Latency from when an order was due', ['p50 ms', 'p99 ms'], { title: 'ms', scale: { type: 'log' } }),
  ];
}
