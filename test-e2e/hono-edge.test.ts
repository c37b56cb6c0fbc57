// The Worker as a person has it: one command, a real workerd, real answers, ended by Ctrl-C.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { request } from 'node:http'
import { join } from 'node:path'
import { waitUntil } from '@sluice/testing/redis'
import { afterEach, expect, test } from 'vitest'
import { ROOT } from './support/workspace.ts'

let child: ChildProcess | undefined
// SIGTERM, since it ends what it started.
afterEach(() => child?.kill('SIGTERM'))

test('shows a plan for each key, and a limit of the address over all', async () => {
  const started = start({})
  const url = await started.url
  const rows = [...started.said().matchAll(/^\d+ +(\S+) +(\d{3}) .*"plan\.minute";r=(\d+)/gm)].map(([, ...cells]) => cells)
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
  expect(await started.end()).toEqual([0, null])
  await expect(fetch(url)).rejects.toThrow('fetch failed')
})

test('a new key for each request, each on a new connection, is no way round', async () => {
  const started = start({ BURST: '0' })
  const url = await started.url
  const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => ask(url, `made-up-${i}`)))
  const passed = answers.filter(({ status }) => status === 200)
  // 20 at once, and one more for every three seconds that it takes.
  expect(passed.length).toBeGreaterThanOrEqual(20)
  expect(passed.length).toBeLessThan(30)
  for (const { status, headers } of answers.filter((answer) => !passed.includes(answer))) {
    expect(status).toBe(429)
    expect(headers['ratelimit']).toContain('"address.burst";r=0')
    expect(Number(headers['retry-after'])).toBeGreaterThan(0)
  }
})

function ask(url: string, key: string) {
  return new Promise<{ readonly status: number | undefined; readonly headers: Readonly<Record<string, unknown>> }>((resolve, reject) => {
    request(url, { agent: false, headers: { 'x-api-key': key } }, (response) => {
      response.resume().once('end', () => resolve({ status: response.statusCode, headers: response.headers }))
    })
      .once('error', reject)
      .end()
  })
}

function start(env: Readonly<Record<string, string>>) {
  const main = join(ROOT, 'examples', 'hono-edge', 'main.ts')
  const started = spawn(process.execPath, ['--conditions=source', main], {
    env: { ...process.env, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child = started
  let said = ''
  for (const stream of [started.stdout, started.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (said += text))
  // `close` and not `exit`: all that it said has been read.
  const ended = once(started, 'close')
  const url = waitUntil('the example to listen', () => started.exitCode !== null || /Ctrl-C/.test(said)).then(() => {
    if (started.exitCode !== null) throw new Error(`It ended before it was ready:\n${said}`)
    return /curl .* (http:\S+)/.exec(said)![1]!
  })
  url.catch(() => undefined)
  return {
    said: () => said,
    url,
    end() {
      started.kill('SIGINT')
      return ended
    },
  }
}
