// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { expose, negotiate } from '../../agent/serve/metrics/exposition.ts'
import { Counter, Gauge, Histogram, Registry } from '../../agent/serve/metrics/prom-client.ts'

/** What Prometheus 2 and 3 send. */
const PROMETHEUS_2 =
  'application/openmetrics-text;version=1.0.0;q=0.75,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=0.0.4;q=0.25,*/*;q=0.1'
const PROMETHEUS_3 =
  'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1'

t.test('the client decides', async t => {
  const cases = [
    [undefined, 'text'],
    ['*/*', 'text'],
    ['text/html,application/xhtml+xml,*/*;q=0.8', 'text'],
    [PROMETHEUS_2, 'openMetrics'],
    [PROMETHEUS_3, 'openMetrics'],
    ['application/openmetrics-text;q=0.2,text/plain;q=0.7', 'text'],
    ['application/openmetrics-text;q=0,*/*', 'text'],
    ['Application/OpenMetrics-Text; Q=0.9', 'openMetrics'],
  ] as const
  for (const [accept, format] of cases) t.equal(negotiate(accept), format, String(accept))
})

t.test('one registry is written in both, in turn', async t => {
  const registry = new Registry()
  const registers = [registry]
  new Counter({ name: 'seen_total', help: 'A "quoted" \\ and\na line.', labelNames: ['what'], registers }).inc(
    { what: 'a "b" \\ c\nd' },
    3,
  )
  new Gauge({ name: 'full', help: 'x', registers }).set(Number.POSITIVE_INFINITY)
  new Gauge({ name: 'unknown', help: 'x', registers }).set(Number.NaN)
  new Histogram({ name: 'took_seconds', help: 'x', labelNames: ['how'], buckets: [0.5, 1], registers }).observe(
    { how: 'so' },
    0.75,
  )
  const samples = `\
seen_total{what="a \\"b\\" \\\\ c\\nd"} 3
`
  const rest = `\
# HELP full x
# TYPE full gauge
full +Inf
# HELP unknown x
# TYPE unknown gauge
unknown NaN
# HELP took_seconds x
# TYPE took_seconds histogram
took_seconds_bucket{le="0.5",how="so"} 0
took_seconds_bucket{le="1",how="so"} 1
took_seconds_bucket{le="+Inf",how="so"} 1
took_seconds_sum{how="so"} 0.75
took_seconds_count{how="so"} 1
`
  const text = `# HELP seen_total A "quoted" \\\\ and\\na line.\n# TYPE seen_total counter\n${samples}${rest}`
  const open = `# HELP seen A \\"quoted\\" \\\\ and\\na line.\n# TYPE seen counter\n${samples}${rest}# EOF\n`
  for (let i = 0; i < 2; i++) {
    t.equal(await expose(registry, 'text'), text)
    t.equal(await expose(registry, 'openMetrics'), open)
  }
})
