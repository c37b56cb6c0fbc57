// How every panel and every dashboard looks. The dashboards beside this file say only what they show.
import type * as cog from '@grafana/grafana-foundation-sdk/cog'
import { ReduceDataOptionsBuilder } from '@grafana/grafana-foundation-sdk/common'
import { DashboardBuilder, DatasourceVariableBuilder, type Panel, QueryVariableBuilder } from '@grafana/grafana-foundation-sdk/dashboard'
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus'
import { PanelBuilder as Stat } from '@grafana/grafana-foundation-sdk/stat'
import { PanelBuilder as TimeSeries } from '@grafana/grafana-foundation-sdk/timeseries'

const SOURCE = { type: 'prometheus', uid: '${datasource}' }

/** The namespaces that were chosen above the panels. */
export const CHOSEN = 'namespace=~"$namespace"'

/** A query, and the names of its series. */
export type Query = readonly [expr: string, legend: string]

export interface PanelSpec {
  readonly title: string
  /** What the reader learns, and what to do. */
  readonly description: string
  /** Of Grafana: `reqps`, `percentunit`, `s`, `short`. */
  readonly unit: string
  readonly queries: readonly Query[]
  /** Default: 12, half of the width. */
  readonly span?: number
}

/** Values over time. */
export function series(spec: PanelSpec): cog.Builder<Panel> {
  return common(new TimeSeries().lineWidth(1).fillOpacity(10), { span: 12, ...spec }).height(8)
}

/** The last value, in large. */
export function number(spec: PanelSpec): cog.Builder<Panel> {
  const last = new ReduceDataOptionsBuilder().calcs(['lastNotNull'])
  return common(new Stat().reduceOptions(last), { span: 6, ...spec }).height(4)
}

interface Common {
  title(title: string): this
  description(description: string): this
  unit(unit: string): this
  span(span: number): this
  min(min: number): this
  datasource(source: { readonly type: string; readonly uid: string }): this
  withTarget(target: cog.Builder<cog.Dataquery>): this
}

function common<B extends Common>(builder: B, { title, description, unit, queries, span = 12 }: PanelSpec): B {
  builder.title(title).description(description).unit(unit).span(span).min(0).datasource(SOURCE)
  for (const [i, [expr, legend]] of queries.entries())
    builder.withTarget(
      new DataqueryBuilder()
        .refId(String.fromCharCode(65 + i))
        .datasource(SOURCE)
        .expr(expr)
        .legendFormat(legend),
    )
  return builder
}

/** @param uid by which a URL finds it: `/d/<uid>` */
export function dashboard(uid: string, title: string, description: string, panels: readonly cog.Builder<Panel>[]): object {
  const builder = new DashboardBuilder(title)
    .uid(uid)
    .description(description)
    .tags(['sluice'])
    .refresh('30s')
    .time({ from: 'now-3h', to: 'now' })
    .timezone('browser')
    .withVariable(new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'))
    .withVariable(
      new QueryVariableBuilder('namespace')
        .label('Namespace')
        .datasource(SOURCE)
        .query('label_values(sluice_decisions_total, namespace)')
        .multi(true)
        .includeAll(true)
        .allValue('.*')
        .current({ selected: true, text: 'All', value: '$__all' }),
    )
  for (const panel of panels) builder.withPanel(panel)
  return builder.build()
}
