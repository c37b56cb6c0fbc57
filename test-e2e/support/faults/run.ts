// Runs one fault, from its setup to its row.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Case } from './case.ts'
import { isFull } from './full.ts'
import { type Load, now } from './load.ts'
import { DEADLINE } from './log.ts'
import type { Report } from './load-process.ts'
import { type Row, rowOf, SHARE, type Times } from './measure.ts'

const RATE = 200
const WARM_UP = 1_500
/** Longer for the first fault of a process, whose code is not compiled yet. */
const FIRST_WARM_UP = 6_000
const warm = new WeakSet<Load>()
const BASELINE = isFull ? 4_000 : 2_000
const LONGEST_RECOVERY = 6_000
/** Longer than the half second after which operation is normal. */
const RECOVERED = 700
const FRESH = 1_200

export async function run(fault: Case, load: Load, control: string): Promise<Row> {
  const setup = await fault.setUp()
  const lasts = 1_000 * fault.seconds[isFull ? 1 : 0]
  try {
    const seconds = (WARM_UP + BASELINE + lasts + LONGEST_RECOVERY + FRESH) / 1000 + 40
    // Failover alone, whose bound is exact. A cached refusal may be wrong for a second, by design.
    const options = { failover: { deadline: DEADLINE, share: SHARE }, denyCache: false, leases: false, ...setup.options }
    await load.start({
      source: setup.source,
      options,
      clocked: setup.clock === 'store',
      control,
      failMode: fault.failMode ?? 'local',
      rate: RATE,
      seconds,
    })
    await sleep(warm.has(load) ? WARM_UP : FIRST_WARM_UP)
    warm.add(load)
    await load.mark()
    const baseline = now()
    await sleep(BASELINE)
    const begun = now()
    await fault.begin(setup, load)
    await sleep(Math.max(0, begun + lasts - now()))
    await fault.end(setup, load)
    const ended = now()
    await recovered(load, ended)
    const fresh = now()
    await load.fresh()
    await sleep(FRESH)
    const reports = await load.stop()
    const times: Times = { baseline, begun, ended, fresh, stopped: now() }
    if (process.env['SLUICE_FAULTS_EVENTS'] === '1') printEvents(fault.name, times, reports)
    return rowOf(fault, times, reports)
  } catch (error) {
    load.end()
    throw error
  } finally {
    await setup.stop()
  }
}

/** Resolves a while after every breaker has closed, or after the longest recovery. */
async function recovered(load: Load, ended: number): Promise<void> {
  let since = now()
  while (now() - since < RECOVERED && now() - ended < LONGEST_RECOVERY) {
    await sleep(50)
    if (!(await load.isNormal())) since = now()
  }
}

/** Prints what the breakers did, with SLUICE_FAULTS_EVENTS=1. Times count from the end of the fault. */
function printEvents(name: string, times: Times, reports: readonly Report[]): void {
  for (const [i, { events }] of reports.entries()) {
    for (const event of events) {
      const what = event.type === 'breaker' ? `${event.shard} ${event.from} → ${event.to}` : JSON.stringify(event)
      console.log(`${name}: process ${i}: ${((event.t - times.ended) / 1000).toFixed(2)} s: ${what}`)
    }
  }
}
