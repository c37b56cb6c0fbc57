// examples/hono-edge as a person runs it: one command, a real workerd, real responses, ended by Ctrl-C.
import { request } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { nodeProgram, runProgram, type RunningProgram } from './support/running-program.ts'

let program: RunningProgram | undefined
afterEach(() => program?.stop())

test('each API key has its plan, and the address has a limit over all keys', async () => {
  const started = start({})
  const url = await urlOf(started)
  const rows = [...started.output().matchAll(/^\d+ +(\S+) +(\d{3}) .*"plan\.minute";r=(\d+)/gm)].map(([, ...cells]) => cells)
  expect(rows.map(([key, status]) => `${key} ${status}`)).toEqual([
    '- 200',
    '- 200',
    '- 200',
    '- 429',
    '- 429',
    ...Array.from({ length: 5 }, () => 'key-of-ann 200'),
    'key-of-ann 429',
    'key-of-bea 200',
    'key-of-bea 200',
  ])
  expect(rows.map(([, , left]) => Number(left))).toEqual([2, 1, 0, 0, 0, 4, 3, 2, 1, 0, 0, 14, 13])
  expect(await started.interrupt()).toEqual([0, null])
  await expect(fetch(url)).rejects.toThrow('fetch failed')
})

test('a new key for each request, each on a new connection, does not evade the limit of the address', async () => {
  const started = start({ BURST: '0' })
  const url = await urlOf(started)
  const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => get(url, `made-up-${i}`)))
  const passed = answers.filter(({ status }) => status === 200)
  // 20 at once, and one more for every three seconds that pass.
  expect(passed.length).toBeGreaterThanOrEqual(20)
  expect(passed.length).toBeLessThan(30)
  for (const { status, headers } of answers.filter((answer) => !passed.includes(answer))) {
    expect(status).toBe(429)
    expect(headers['ratelimit']).toContain('"address.burst";r=0')
    expect(Number(headers['retry-after'])).toBeGreaterThan(0)
  }
})

function get(url: string, key: string) {
  return new Promise<{ readonly status: number | undefined; readonly headers: Readonly<Record<string, unknown>> }>((resolve, reject) => {
    request(url, { agent: false, headers: { 'x-api-key': key } }, (response) => {
      response.resume().once('end', () => resolve({ status: response.statusCode, headers: response.headers }))
    })
      .once('error', reject)
      .end()
  })
}

function start(env: Readonly<Record<string, string>>): RunningProgram {
  program = runProgram(nodeProgram('examples', 'hono-edge', 'main.ts'), { env: { PORT: '0', ...env } })
  return program
}

async function urlOf(example: RunningProgram): Promise<string> {
  await example.waitFor(/Ctrl-C/)
  return /curl .* (http:\S+)/.exec(example.output())![1]!
}
