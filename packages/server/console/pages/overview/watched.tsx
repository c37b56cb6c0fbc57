import { get } from '../../lib/api.ts'
import { count, fromNow } from '../../lib/format.ts'
import { to } from '../../lib/router.ts'
import type { Counted, Nearest, Violator } from '../../lib/types.ts'
import { useLoad } from '../../lib/use-load.ts'
import { UsedBar } from '../../parts/bar.tsx'
import { Panel } from '../../parts/page.tsx'
import { Empty, Shown } from '../../parts/states.tsx'

const EVERY_MS = 5000
const SHOWN = 6

/** The subjects that an operator may have to act on. */
export function Watched() {
  const violators = useLoad('violators', (signal) => get<Counted<Violator>>('violators', { since: '15m', limit: SHOWN }, signal), EVERY_MS)
  const nearest = useLoad('nearest', (signal) => get<Counted<Nearest>>('nearest', { limit: SHOWN }, signal), EVERY_MS)
  return (
    <>
      <Panel title="Refused most" note="last 15 minutes" actions={<a href={to('subjects')}>All</a>}>
        <Shown loaded={violators} what="subjects">
          {({ rows }) =>
            rows.length === 0 ? (
              <Empty title="Nobody was refused." />
            ) : (
              <ul class="rows">
                {rows.map((row) => (
                  <li key={`${row.namespace} ${row.policy} ${row.limit} ${row.subject}`}>
                    <a class="mono ellipsis" href={to('subjects', row.namespace, row.subject)}>
                      {row.subject}
                    </a>
                    <span class="muted">{fromNow(row.lastAt)}</span>
                    <b class="verdict refused">{count(row.refused)}</b>
                  </li>
                ))}
              </ul>
            )
          }
        </Shown>
      </Panel>
      <Panel title="Nearest to a limit" actions={<a href={to('subjects')}>All</a>} class="span-2">
        <Shown loaded={nearest} what="subjects">
          {({ rows }) =>
            rows.length === 0 ? (
              <Empty title="Nobody has used a limit yet." />
            ) : (
              <ul class="rows">
                {rows.map((row) => (
                  <li key={`${row.namespace} ${row.policy} ${row.limit} ${row.subject}`}>
                    <a class="mono ellipsis" href={to('subjects', row.namespace, row.subject)}>
                      {row.subject}
                    </a>
                    <span class="muted mono ellipsis not-phone">
                      {row.policy}.{row.limit}
                    </span>
                    <UsedBar used={row.used} max={row.max} />
                  </li>
                ))}
              </ul>
            )
          }
        </Shown>
      </Panel>
    </>
  )
}
