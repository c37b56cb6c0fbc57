// What a limiter does when its Redis is slow, unreachable or wrong: real servers, real processes, and a proxy between them.
// Each fault has a row of measurements with a threshold each. `npm run test:faults` runs each fault for longer.
import { availableParallelism } from 'node:os'
import { startRedis, tcpProxy } from '@sluice/testing/redis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { clusters, sentinel, steps } from './support/faults/cases-failover.ts'
import { singles } from './support/faults/cases-single.ts'
import type { Case } from './support/faults/case.ts'
import { isFull } from './support/faults/full.ts'
import { type Load, startLoad, watchThisProcess } from './support/faults/load.ts'
import type { Row } from './support/faults/measure.ts'
import { run } from './support/faults/run.ts'
import { print, write } from './support/faults/table.ts'

/** Number of faults that run at the same time, each on its own servers. A fault mostly waits: its load is 200 requests a second. */
const LANES = isFull ? 2 : 3
const cases: readonly Case[] = [...singles, ...steps, sentinel, ...clusters]
const rows = new Map<string, Row>()
const idle: Load[] = []
const waiting: ((load: Load) => void)[] = []
let stopWatching: () => void
/** A server without a fault, which shows how busy the machine is. */
let control: { readonly url: string; stop(): Promise<unknown> }

beforeAll(async () => {
  const server = await startRedis()
  const proxy = await tcpProxy(server)
  control = { url: `redis://${proxy.host}:${proxy.port}`, stop: () => Promise.all([server.stop(), proxy.close()]) }
  stopWatching = watchThisProcess()
  idle.push(...Array.from({ length: LANES }, startLoad))
})

afterAll(async () => {
  stopWatching()
  await control.stop()
  for (const load of idle) load.end()
  const inOrder = new Map(cases.flatMap(({ name }) => (rows.has(name) ? [[name, rows.get(name)!] as const] : [])))
  print(inOrder)
  const isComplete = inOrder.size === cases.length && Array.from(inOrder.values()).every((row) => problemsOf(row).length === 0)
  if (process.env['SLUICE_FAULTS_WRITE'] === '1' && isComplete)
    write(inOrder, `Node ${process.versions.node}, ${availableParallelism()} cores, ${new Date().toISOString().slice(0, 10)}.`)
})

function problemsOf(row: Row): readonly string[] {
  return Object.entries(row).flatMap(([column, { text, problem }]) => (problem === undefined ? [] : [`${column}: ${text}: ${problem}`]))
}

/** One decision in a busy moment of the machine exceeds the threshold too, so the time alone counts when it is exceeded twice. */
function isOnlySlow(row: Row): boolean {
  return row['added latency'].problem !== undefined && problemsOf(row).length === 1
}

const acquireLoad = async (): Promise<Load> => idle.pop() ?? new Promise((resolve) => waiting.push(resolve))
function releaseLoad(load: Load): void {
  const next = waiting.shift()
  if (next === undefined) idle.push(load)
  else next(load)
}

test.concurrent.for(cases.map((fault) => [fault.name, fault] as const))('%s', { timeout: 600_000 }, async ([name, fault]) => {
  const load = await acquireLoad()
  try {
    let row = await run(fault, load, control.url)
    if (isOnlySlow(row)) row = await run(fault, load, control.url)
    rows.set(name, row)
    expect(problemsOf(row)).toEqual([])
  } finally {
    releaseLoad(load)
  }
})
