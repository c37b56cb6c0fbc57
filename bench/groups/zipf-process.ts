// One process of zipf.ts. On a job it prepares itself; on 'go' it makes decisions and returns a result.
import { setImmediate as macrotask } from 'node:timers/promises'
import { createLimiter, type Decision, slidingWindow } from '@sluice/core'
import { redisStore } from '@sluice/redis'
import { answerParent } from '../measure/process.ts'
import { cpuMicros } from '../measure/rounds.ts'
import { zipf } from '../measure/subjects.ts'
import { isChecked, type ZipfResult, type ZipfJob } from './zipf-job.ts'

const SUBJECTS = 1_000_000
const IN_FLIGHT = 256
/** Local decisions in a row before the event loop continues, as in a server. */
const AT_ONCE = 256
const hottest = new Set(Array.from({ length: 200 }, (_, k) => `user:${k}`))
let go: () => Promise<ZipfResult> = () => Promise.reject(new Error('no job yet'))

answerParent(async (message) => {
  if (message === 'go') return go()
  const { url, seed, limit, warmUp, ms } = message as ZipfJob
  const store = redisStore({ url }, { leases: true, failover: false })
  const limits = [slidingWindow({ name: limit.name, limit: limit.limit, window: '1m' })]
  const subjects = zipf(SUBJECTS, 1_000 + seed)
  const limiter = createLimiter({ limits, store })
  let position = 0
  const run = async (length: number): Promise<ZipfResult> => {
    const subjectOf = (i: number) => subjects.at(position + i)
    const done = await decide((i) => limiter.consume(subjectOf(i)), subjectOf, length, isChecked(limit.limit))
    position += done.decisions
    return done
  }
  go = async () => {
    // At first, every subject has its whole limit and no code is optimised. The admissions of the warm-up still count for the check.
    const before = await run(warmUp)
    const done = await run(ms)
    return { ...done, hot: [...before.hot, ...done.hot] }
  }
  await limiter.consume('ready')
  return 'ready'
})

async function decide(
  consume: (i: number) => Decision | Promise<Decision>,
  subjectOf: (i: number) => string,
  ms: number,
  isChecked: boolean,
): Promise<ZipfResult> {
  const hot: [string, number][] = []
  let admitted = 0
  let redis = 0
  let requested = 0
  let pending = 0
  let wake = (): void => {}
  const count = (decision: Decision, i: number): void => {
    const [outcome] = decision.outcomes
    if (outcome?.source === 'redis') redis += 1
    if (!decision.allowed) return
    admitted += 1
    if (isChecked && outcome !== undefined && hottest.has(subjectOf(i))) hot.push([subjectOf(i), outcome.at])
  }
  const cpu = cpuMicros()
  const start = performance.now()
  while (performance.now() - start < ms) {
    for (let n = 0; n < AT_ONCE && pending < IN_FLIGHT; n++) {
      const i = requested++
      const decision = consume(i)
      if (!(decision instanceof Promise)) {
        count(decision, i)
        continue
      }
      pending += 1
      void decision.then((late) => {
        pending -= 1
        count(late, i)
        wake()
      })
    }
    if (pending === IN_FLIGHT) await new Promise<void>((resolve) => (wake = resolve))
    // Counts all decisions that arrived together before it requests more.
    await macrotask()
  }
  const elapsed = performance.now() - start
  const used = cpuMicros() - cpu
  while (pending > 0) await new Promise<void>((resolve) => (wake = resolve))
  return { decisions: requested, admitted, redis, ms: elapsed, cpu: used, hot }
}
