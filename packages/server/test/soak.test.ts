// The service for a long time, under load, while its policies change every second and Redis restarts twice. It runs in the slow tier for 30 s, and
// as long as SLUICE_SOAK says:  SLUICE_SOAK=600 SLUICE_FAULTS=full npm run vitest -- run --project server test/soak.test.ts
import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { startRedis } from '@sluice/testing/redis'
import { waitUntil } from '@sluice/testing/processes'
import { expect, onTestFinished, test } from 'vitest'
import { Load } from './load.ts'
import { runProgram } from './running-program.ts'
import { makeTemporary } from './temporary.ts'

const SECONDS = Number(process.env['SLUICE_SOAK'] ?? 30)
const CLIENTS = 32
/** s in which the capacity is measured. */
const MEASURED = 5
const LEAST_GROWTH = 24

test(`${SECONDS} s at 80 % of the capacity: no request is lost, and memory stays flat`, { timeout: (SECONDS + 120) * 1_000 }, async () => {
  const redis = await startRedis()
  onTestFinished(() => redis.stop())
  const file = `${makeTemporary()}/sluice.yaml`
  const publish = (revision: number): void => writeFileSync(file, documentOf(revision))
  publish(1)
  const program = await runProgram({ policies: file, redis: redis.url }, { SLUICE_POLICIES_INTERVAL: '200ms', SLUICE_REDIS_INSTANCES: '1' })
  const query = (client: number, i: number): string => `user_id=${client}-${i % 1_000}`

  const full = new Load([program.url], CLIENTS, { query })
  await sleep(MEASURED * 1_000)
  await full.stop()
  const capacity = full.answered / MEASURED

  const load = new Load([program.url], CLIENTS, { query, every: (CLIENTS * 1_000) / (capacity * 0.8) })
  onTestFinished(() => load.stop())
  const memory: number[] = []
  for (let second = 1; second <= SECONDS; second++) {
    publish(second + 1)
    if (second === Math.round(SECONDS / 3) || second === Math.round((2 * SECONDS) / 3)) await redis.restart()
    await sleep(1_000)
    memory.push(memoryOf(program.process.pid))
  }
  await load.stop()

  expect(load.lost).toEqual([])
  expect(Array.from(load.statuses.keys())).toEqual([200])
  // The time of the restarts counts as well: it makes no pauses.
  expect(load.answered).toBeGreaterThan(capacity * 0.8 * SECONDS * 0.5)
  await waitUntil('the last revision', () => program.output().includes(`revision ${SECONDS + 1} is in force`))
  const third = Math.floor(memory.length / 3)
  const [first, last] = [Math.max(...memory.slice(0, third)), Math.max(...memory.slice(-third))]
  console.log(`${Math.round(capacity)} checks/s measured, ${load.answered} answered, memory at most ${first} MB, then ${last} MB`)
  expect(last).toBeLessThan(first * 1.15 + LEAST_GROWTH)
  await program.process.signal('SIGTERM')
  expect(await program.ended()).toBe('code 0')
})

/** Other numbers in each revision, so that each is compiled, and the counters go on. */
function documentOf(revision: number): string {
  return `apiVersion: sluice/v1
namespace: shop
revision: ${revision}
subjects: { user: { parts: [{ attribute: user_id }] } }
policies:
  - name: api
    rules: [{ name: all, limits: [{ name: minute, algorithm: slidingWindow, limit: ${100_000 + revision}, window: 1m, subject: user }] }]
`
}

/** MB of memory that the process has. */
function memoryOf(pid: number): number {
  return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024)
}
