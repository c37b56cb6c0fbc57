// What happens to a limiter when its Redis is slow, gone, or lying: real servers, real processes, a proxy of our own between them.
// Each fault has a row, each cell of it a bar; a cell over its bar fails. `npm run test:faults` runs all of it for longer.
import { availableParallelism } from 'node:os'
import { startRedis, tcpProxy } from '@sluice/testing/redis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { clusters, sentinel, steps } from './faults/cases-failover.ts'
import { singles } from './faults/cases.ts'
import type { Case } from './faults/case.ts'
import { type Load, startLoad, watchThisProcess } from './faults/load.ts'
import type { Row } from './faults/measure.ts'
import { isFull, run } from './faults/run.ts'
import { print, write } from './faults/table.ts'

/** Faults on servers of their own run side by side. */
const LANES = isFull ? 2 : 3
const cases: readonly Case[] = [...singles, ...steps, sentinel, ...clusters]
const rows = new Map<string, Row>()
const idle: Load[] = []
const waiting: ((load: Load) => void)[] = []
let unwatch: () => void
/** No fault is done to it. */
let control: { readonly url: string; stop(): Promise<unknown> }

beforeAll(async () => {
  const server = await startRedis()
  const proxy = await tcpProxy(server)
  control = { url: `redis://${proxy.host}:${proxy.port}`, stop: () => Promise.all([server.stop(), proxy.close()]) }
  unwatch = watchThisProcess()
  idle.push(...Array.from({ length: LANES }, startLoad))
})

afterAll(async () => {
  unwatch()
  await control.stop()
  for (const load of idle) load.end()
  const inOrder = new Map(cases.flatMap(({ name }) => (rows.has(name) ? [[name, rows.get(name)!] as const] : [])))
  print(inOrder)
  const isWhole = inOrder.size === cases.length && Array.from(inOrder.values()).every((row) => wrongOf(row).length === 0)
  if (process.env['SLUICE_FAULTS_WRITE'] === '1' && isWhole)
    write(inOrder, `Node ${process.versions.node}, ${availableParallelism()} cores, ${new Date().toISOString().slice(0, 10)}.`)
})

function wrongOf(row: Row): readonly string[] {
  return Object.entries(row).flatMap(([column, { text, wrong }]) => (wrong === undefined ? [] : [`${column}: ${text}: ${wrong}`]))
}

const lane = async (): Promise<Load> => idle.pop() ?? new Promise((resolve) => waiting.push(resolve))
function leave(load: Load): void {
  const next = waiting.shift()
  if (next === undefined) idle.push(load)
  else next(load)
}

test.concurrent.for(cases.map((one) => [one.name, one] as const))('%s', { timeout: 600_000 }, async ([name, one]) => {
  const load = await lane()
  try {
    const row = await run(one, load, control.url)
    rows.set(name, row)
    expect(wrongOf(row)).toEqual([])
  } finally {
    leave(load)
  }
})
