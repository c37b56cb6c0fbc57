// The queries of a dashboard of Grafana.

export interface DashboardQuery {
  readonly title: string
  /** As Grafana sends it, with values for its variables. */
  readonly runnable: string
}

interface Panel {
  readonly title: string
  readonly targets?: readonly { readonly expr: string }[]
}

/** @param range what Grafana would put in for `$__rate_interval` */
export function queriesOf(json: string, range = '1m'): readonly DashboardQuery[] {
  const { panels } = JSON.parse(json) as { readonly panels: readonly Panel[] }
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({ title, runnable: expr.replaceAll('$__rate_interval', range).replaceAll('$namespace', '.*') })),
  )
}
