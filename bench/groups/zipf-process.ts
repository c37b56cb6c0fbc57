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
/** Decisions without a call before the event loop has a turn, as in a server. */
const AT_ONCE = 256
const hottest = new Set(Array.from({ length: 200 }, (_, k) => `user:${k}`))
let go: () => Promise<ZipfDone> = () => Promise.reject(new Error('no job yet'))

answer(async (question) => {
  if (question === 'go') return go()
  const { url, seed, limit, warmUp, ms } = question as ZipfJob
  const store = redisStore({ url }, { leases: true, failover: false })
  const limits = [slidingWindow({ name: limit.name, limit: limit.limit, window: '1m' })]
  const subjects = zipf(SUBJECTS, 1_000 + seed)
  const limiter = createLimiter({ limits, store })
  let from = 0
  const run = async (length: number): Promise<ZipfDone> => {
    const who = (i: number) => subjects.at(from + i)
    const done = await decide((i) => limiter.consume(who(i)), who, length, isChecked(limit.limit))
    from += done.decisions
    return done
  }
  go = async () => {
    // A crowd that has just come has all of its limits left, and meets code that is not compiled yet. What it is admitted counts.
    const before = await run(warmUp)
    const done = await run(ms)
    return { ...done, hot: [...before.hot, ...done.hot] }
  }
  await limiter.consume('ready')
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
