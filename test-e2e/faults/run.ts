// One case from its bench to its row.
import { setTimeout as wait } from 'node:timers/promises'
import type { Case } from './case.ts'
import { type Load, now } from './load.ts'
import { DEADLINE } from './log.ts'
import type { Report } from './load-process.ts'
import { type Row, rowOf, SHARE, type Times } from './measure.ts'

export const isFull: boolean = process.env['SLUICE_FAULTS'] === 'full'
const RATE = 200
const WARM_UP = 1_500
/** The first case of a process pays for its compiled code, which is memory too. */
const COLD = 6_000
const warm = new WeakSet<Load>()
const BASELINE = isFull ? 4_000 : 2_000
const LONGEST_RECOVERY = 6_000
/** Long enough for the half second that is normal. */
const RECOVERED = 700
const FRESH = 1_200

export async function run(one: Case, load: Load, control: string): Promise<Row> {
  const bench = await one.setUp()
  const lasts = 1_000 * one.seconds[isFull ? 1 : 0]
  try {
    const seconds = (WARM_UP + BASELINE + lasts + LONGEST_RECOVERY + FRESH) / 1000 + 40
    // One layer alone: what it promises is sharp. A remembered refusal may be wrong for a second, by design.
    const options = { failover: { deadline: DEADLINE, share: SHARE }, denyCache: false, leases: false, ...bench.options }
    await load.start({
      source: bench.source,
      options,
      clocked: bench.clock === 'store',
      control,
      failMode: one.failMode ?? 'local',
      rate: RATE,
      seconds,
    })
    await wait(warm.has(load) ? WARM_UP : COLD)
    warm.add(load)
    await load.mark()
    const baseline = now()
    await wait(BASELINE)
    const begun = now()
    await one.begin(bench, load)
    await wait(Math.max(0, begun + lasts - now()))
    await one.end(bench, load)
    const ended = now()
    await recovered(load, ended)
    const fresh = now()
    await load.fresh()
    await wait(FRESH)
    const reports = await load.stop()
    const times: Times = { baseline, begun, ended, fresh, stopped: now() }
    if (process.env['SLUICE_FAULTS_EVENTS'] === '1') tellEvents(one.name, times, reports)
    return rowOf(one, times, reports)
  } catch (error) {
    load.end()
    throw error
  } finally {
    await bench.stop()
  }
}

/** A while after every breaker has closed; what never does is measured as such. */
async function recovered(load: Load, ended: number): Promise<void> {
  let since = now()
  while (now() - since < RECOVERED && now() - ended < LONGEST_RECOVERY) {
    await wait(50)
    if (!(await load.isNormal())) since = now()
  }
}

/** For whoever looks for a cause: SLUICE_FAULTS_EVENTS=1. Times from the end of the fault on. */
function tellEvents(name: string, times: Times, reports: readonly Report[]): void {
  for (const [i, { events }] of reports.entries()) {
    for (const event of events) {
      const what = event.type === 'breaker' ? `${event.shard} ${event.from} → ${event.to}` : JSON.stringify(event)
      console.log(`${name}: process ${i}: ${((event.t - times.ended) / 1000).toFixed(2)} s: ${what}`)
    }
  }
}
