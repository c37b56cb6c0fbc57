// One process of zipf.ts: told what to do, it makes ready; told to go, it decides for so long and says what came of it.
import { setImmediate as turn } from 'node:timers/promises'
import { createLimiter, type Decision, slidingWindow } from '@sluice/core'
import { redisStore } from '@sluice/redis'
import { answer } from '../child.ts'
import { cpuMicros } from '../rounds.ts'
import { zipf } from '../subjects.ts'
import { isChecked, type ZipfDone, type ZipfJob } from './zipf-job.ts'

const SUBJECTS = 1_000_000
const IN_FLIGHT = 256
const WARM_MS = 1_000
/** Decisions without a call before the event loop has a turn, as in a server. */
const AT_ONCE = 256
const hottest = new Set(Array.from({ length: 200 }, (_, k) => `user:${k}`))
let go: () => Promise<ZipfDone> = () => Promise.reject(new Error('no job yet'))

answer(async (question) => {
  if (question === 'go') return go()
  const { url, seed, limit, ms } = question as ZipfJob
  const store = redisStore({ url }, { leases: true, failover: false })
  const limits = [slidingWindow({ name: limit.name, limit: limit.limit, window: '1m' })]
  const subjects = zipf(SUBJECTS, 1_000 + seed)
  const who = (i: number) => subjects.at(i)
  // Under another name, so that nothing of what is measured is spent.
  const warm = createLimiter({ name: 'warm', limits, store })
  await decide((i) => warm.consume(who(i)), who, WARM_MS, false)
  const limiter = createLimiter({ limits, store })
  go = () => decide((i) => limiter.consume(who(i)), who, ms, isChecked(limit.limit))
  return 'ready'
})

async function decide(
  ask: (i: number) => Decision | Promise<Decision>,
  who: (i: number) => string,
  ms: number,
  isChecked: boolean,
): Promise<ZipfDone> {
  const hot: [string, number][] = []
  let admitted = 0
  let redis = 0
  let asked = 0
  let pending = 0
  let wake = (): void => {}
  const tell = (decision: Decision, i: number): void => {
    const [outcome] = decision.outcomes
    if (outcome?.source === 'redis') redis += 1
    if (!decision.allowed) return
    admitted += 1
    if (isChecked && outcome !== undefined && hottest.has(who(i))) hot.push([who(i), outcome.at])
  }
  const cpu = cpuMicros()
  const start = performance.now()
  while (performance.now() - start < ms) {
    for (let n = 0; n < AT_ONCE && pending < IN_FLIGHT; n++) {
      const i = asked++
      const decision = ask(i)
      if (!(decision instanceof Promise)) {
        tell(decision, i)
        continue
      }
      pending += 1
      void decision.then((late) => {
        pending -= 1
        tell(late, i)
        wake()
      })
    }
    if (pending === IN_FLIGHT) await new Promise<void>((resolve) => (wake = resolve))
    // All that came back together is counted before more is asked.
    await turn()
  }
  const elapsed = performance.now() - start
  const used = cpuMicros() - cpu
  while (pending > 0) await new Promise<void>((resolve) => (wake = resolve))
  return { decisions: asked, admitted, redis, ms: elapsed, cpu: used, hot }
}
