// examples/observability as a person runs it: three processes, Redis, Kafka and Prometheus, a crowd, ended by Ctrl-C. What Kafka has then
// goes into ClickHouse.
import { createTables, startClickHouse } from '@sluice/testing/clickhouse'
import { afterEach, expect, onTestFinished, test } from 'vitest'
import { type Message, readTopics, USAGE } from '../examples/observability/topics.ts'
import { nodeProgram, runProgram, type RunningProgram } from './support/running-program.ts'

let program: RunningProgram | undefined
afterEach(() => program?.stop())

/** Requests by verdict, by the view of ClickHouse, with each message twice and in another order. */
async function inClickHouse(messages: readonly Message[]): Promise<Readonly<Record<string, number>>> {
  const server = await startClickHouse()
  onTestFinished(() => server.stop())
  await createTables(server)
  for (const [table, isUsage] of [
    ['usage_queue', true],
    ['decisions_queue', false],
  ] as const) {
    const rows = messages.filter(({ topic }) => (topic === USAGE) === isUsage).map(({ text }) => JSON.parse(text) as object)
    expect(rows.length).toBeGreaterThan(0)
    await server.insert(table, [...rows, ...rows.toReversed()])
  }
  const sums = await server.query(
    `SELECT verdict, sum(requests) AS requests FROM usage_by_minute WHERE policy = '' AND mode = 'enforce' GROUP BY verdict`,
  )
  return Object.fromEntries(sums.map(({ verdict, requests }) => [verdict, Number(requests)]))
}

test('every part counts what the clients were answered; the bot is blocked, and nobody who obeys', async () => {
  program = runProgram(nodeProgram('examples', 'observability', 'main.ts'), { env: { REDIS_URL: undefined, NO_COLOR: '1' } })
  // Each step has its own time: the servers start, the crowd asks, the processes send.
  for (const step of [/are up/, /The crowd is done/, /What the clients/, /Ctrl-C ends it\./]) await program.waitFor(step)
  const [, clients = '', counts = '', top = '', shadow = '', why = '', blocks = '', clear = ''] = program.output().split('── ')

  const answered = [...clients.matchAll(/^(\S.*?) {2,}\S+(?: …)? +(\d+) +(\d+) +(\d+) {2}(.+)$/gm)].map(([, name, ...cells]) => [
    name,
    ...cells,
  ])
  const row = (name: string) => answered.find(([each]) => each?.startsWith(name)) ?? []
  expect(row('bot')[4]).toMatch(/^after \d+\.\d s$/)
  expect(Number(/[\d.]+/.exec(row('bot')[4] ?? '')?.[0])).toBeLessThan(15)
  for (const name of ['obedient', 'office', '12 shoppers']) expect(row(name).slice(3)).toEqual(['0', 'never'])
  expect(Number(row('obedient')[2])).toBeGreaterThan(0)

  const rows = [...counts.matchAll(/^(allowed|refused|blocked) +(\d+) +(\d+) +(\d+) +(\d+)$/gm)].map(([, verdict, ...cells]) => ({
    verdict,
    cells,
  }))
  expect(rows.map(({ verdict }) => verdict)).toEqual(['allowed', 'refused', 'blocked'])
  for (const { verdict, cells } of rows) expect({ verdict, counts: new Set(cells).size }).toEqual({ verdict, counts: 1 })
  const broker = /kafka:\/\/(\S+)/.exec(program.output())?.[1] ?? ''
  const counted = Object.fromEntries(rows.map(({ verdict, cells }) => [verdict, Number(cells[0])]))
  expect(await inClickHouse((await readTopics(broker)).messages)).toEqual(counted)

  expect(top).toMatch(/^shop +api +/m)
  expect(shadow).toMatch(/^\/orders\/:id +\d+ +[1-9]\d*$/m)
  expect(why).toContain('203.0.113.9 is blocked')
  expect(why).toMatch(/by the rule strikes, level 1/)
  expect(blocks.match(/^\d+\.\d+\.\d+\.\d+ /gm)).toEqual(['203.0.113.9 '])
  expect([...clear.matchAll(/characters, (\d+) addresses/g)].map(([, found]) => found)).toEqual(['0', '0', '0'])
  expect(await program.interrupt()).toEqual([0, null])
  expect(program.output()).not.toMatch(/^\s+at /m)
}, 180_000)
