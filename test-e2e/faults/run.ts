// One case from its bench to its row.
import { setTimeout as wait } from 'node:timers/promises'
import type { Case } from './case.ts'
import { type Load, now } from './load.ts'
import { DEADLINE, type Row, rowOf, SHARE, type Times } from './measure.ts'

export const isFull: boolean = process.env['SLUICE_FAULTS'] === 'full'
const RATE = 200
const WARM_UP = 1_500
const BASELINE = isFull ? 4_000 : 2_000
const RECOVERS = 2_600
const FRESH = 1_200

export async function run(one: Case, load: Load): Promise<Row> {
  const bench = await one.setUp()
  const lasts = 1_000 * one.seconds[isFull ? 1 : 0]
  try {
    const seconds = (WARM_UP + BASELINE + lasts + RECOVERS + FRESH) / 1000 + 40
    const options = { failover: { deadline: DEADLINE, share: SHARE }, ...bench.options }
    await load.start({
      source: bench.source,
      options,
      clocked: bench.clock === 'store',
      failMode: one.failMode ?? 'local',
      rate: RATE,
      seconds,
    })
    await wait(WARM_UP)
    await load.mark()
    const baseline = now()
    await wait(BASELINE)
    const begun = now()
    await one.begin(bench, load)
    await wait(Math.max(0, begun + lasts - now()))
    await one.end(bench, load)
    const ended = now()
    await wait(RECOVERS)
    const fresh = now()
    await load.fresh()
    await wait(FRESH)
    const reports = await load.stop()
    const times: Times = { baseline, begun, ended, fresh, stopped: now() }
    return rowOf(one, times, reports)
  } catch (error) {
    load.end()
    throw error
  } finally {
    await bench.stop()
  }
}
