// The example under a real load generator: exactly the limit is admitted, and Retry-After is the truth.
import { setTimeout as sleep } from 'node:timers/promises'
import autocannon from 'autocannon'
import { afterEach, expect, test } from 'vitest'
import { type Example, startExample } from './support/example.ts'

interface Head {
  readonly statusCode: number
  /** Names and values, in turn. */
  readonly headers: readonly string[]
}

let example: Example | undefined
afterEach(() => example?.stop())

test('100 connections, 20,000 requests, 500 an hour: exactly 500 answers of 200, the rest 429 with a right Retry-After', async () => {
  example = await startExample({ LIMIT: 500, WINDOW: '1h' })
  const counts = new Map<number, number>()
  const wrong: string[] = []
  const began = performance.now()
  const result = await autocannon({
    url: example.url,
    connections: 100,
    amount: 20_000,
    setupClient(client) {
      // The published types leave this event out: the parsed head of each response.
      const heads = client as unknown as { on(event: 'headers', heard: (head: Head) => void): void }
      heads.on('headers', ({ statusCode, headers }) => {
        counts.set(statusCode, (counts.get(statusCode) ?? 0) + 1)
        const values = headers.flatMap((name, i) => (i % 2 === 0 && name.toLowerCase() === 'retry-after' ? [headers[i + 1] ?? ''] : []))
        // The window began with the first admitted request, after `began`: what is left of it is between these.
        const least = Math.ceil(3_600 - (performance.now() - began) / 1_000)
        const right =
          statusCode === 200
            ? values.length === 0
            : values.length === 1 && /^\d+$/.test(values[0] ?? '') && Number(values[0]) >= least && Number(values[0]) <= 3_600
        if (!right) wrong.push(`${statusCode}: ${values.join(' and ')}, at least ${least}`)
      })
    },
  })
  expect(wrong).toEqual([])
  expect(Object.fromEntries(counts)).toEqual({ 200: 500, 429: 19_500 })
  expect([result.errors, result.timeouts, result['2xx'], result.non2xx]).toEqual([0, 0, 500, 19_500])
})

// Real time on purpose: what a client is told must hold on the clock that it waits by.
test('a window of 20 s: whoever waits the Retry-After is admitted, whoever comes a second sooner is not', async () => {
  const { url } = (example = await startExample({ LIMIT: 10, WINDOW: '20s' }))
  const ask = async () => {
    const sent = performance.now()
    const response = await fetch(url)
    await response.arrayBuffer()
    return { sent, answered: performance.now(), status: response.status, retryAfter: Number(response.headers.get('retry-after')) * 1_000 }
  }
  const waitUntil = (time: number) => sleep(Math.max(0, time - performance.now()))

  const first = await ask()
  for (let i = 1; i < 10; i++) expect((await ask()).status).toBe(200)
  // The next ask comes in the middle of a second of the window, so that a second sooner is half of one before its end.
  const passed = performance.now() - first.answered
  await waitUntil(first.answered + Math.ceil(passed / 1_000) * 1_000 + 500)
  const refused = await Promise.all(Array.from({ length: 10 }, ask))
  expect(refused.map(({ status }) => status)).toEqual(Array(10).fill(429))
  const later = refused.map(async ({ sent, answered, retryAfter }, i) => {
    const sooner = i % 2 === 0
    await waitUntil(sooner ? sent + retryAfter - 1_000 : answered + retryAfter)
    return `${sooner ? 'sooner' : 'waited'}: ${(await ask()).status}`
  })
  expect(new Set(await Promise.all(later))).toEqual(new Set(['sooner: 429', 'waited: 200']))
})
