// examples/express under a real load generator: exactly the limit is admitted, and Retry-After is right.
import { setTimeout as sleep } from 'node:timers/promises'
import autocannon from 'autocannon'
import { afterEach, expect, test } from 'vitest'
import { nodeProgram, runProgram, type RunningProgram } from './support/running-program.ts'

interface Head {
  readonly statusCode: number
  /** Names and values in turn. */
  readonly headers: readonly string[]
}

let example: RunningProgram | undefined
afterEach(() => example?.stop())

test('100 connections send 20,000 requests under a limit of 500 an hour: exactly 500 are admitted, all others get a correct Retry-After', async () => {
  const url = await startExample({ LIMIT: '500', WINDOW: '1h' })
  const counts = new Map<number, number>()
  const wrong: string[] = []
  const began = performance.now()
  const result = await autocannon({
    url,
    connections: 100,
    amount: 20_000,
    setupClient(client) {
      // The published types lack this event, which has the parsed head of each response.
      const heads = client as unknown as { on(event: 'headers', listener: (head: Head) => void): void }
      heads.on('headers', ({ statusCode, headers }) => {
        counts.set(statusCode, (counts.get(statusCode) ?? 0) + 1)
        const values = headers.flatMap((name, i) => (i % 2 === 0 && name.toLowerCase() === 'retry-after' ? [headers[i + 1] ?? ''] : []))
        // The window started with the first admitted request, after `began`. The rest of it is between these bounds.
        const atLeast = Math.ceil(3_600 - (performance.now() - began) / 1_000)
        const right =
          statusCode === 200
            ? values.length === 0
            : values.length === 1 && /^\d+$/.test(values[0] ?? '') && Number(values[0]) >= atLeast && Number(values[0]) <= 3_600
        if (!right) wrong.push(`${statusCode}: ${values.join(' and ')}, at least ${atLeast}`)
      })
    },
  })
  expect(wrong).toEqual([])
  expect(Object.fromEntries(counts)).toEqual({ 200: 500, 429: 19_500 })
  expect([result.errors, result.timeouts, result['2xx'], result.non2xx]).toEqual([0, 0, 500, 19_500])
})

// Real time on purpose: Retry-After must hold on the clock of the client.
test('a window of 20 s: a client that waits for Retry-After is admitted, one that comes a second sooner is refused', async () => {
  const url = await startExample({ LIMIT: '10', WINDOW: '20s' })
  const get = async () => {
    const sent = performance.now()
    const response = await fetch(url)
    await response.arrayBuffer()
    return { sent, answered: performance.now(), status: response.status, retryAfter: Number(response.headers.get('retry-after')) * 1_000 }
  }
  const waitUntil = (time: number) => sleep(Math.max(0, time - performance.now()))

  const first = await get()
  for (let i = 1; i < 10; i++) expect((await get()).status).toBe(200)
  // The next request comes in the middle of a second of the window, so that a second sooner is half a second before its end.
  const passed = performance.now() - first.answered
  await waitUntil(first.answered + Math.ceil(passed / 1_000) * 1_000 + 500)
  const refused = await Promise.all(Array.from({ length: 10 }, get))
  expect(refused.map(({ status }) => status)).toEqual(Array(10).fill(429))
  const later = refused.map(async ({ sent, answered, retryAfter }, i) => {
    const sooner = i % 2 === 0
    await waitUntil(sooner ? sent + retryAfter - 1_000 : answered + retryAfter)
    return `${sooner ? 'sooner' : 'waited'}: ${(await get()).status}`
  })
  expect(new Set(await Promise.all(later))).toEqual(new Set(['sooner: 429', 'waited: 200']))
})

/** Starts examples/express on a free port, without its own burst. Resolves with its address. */
async function startExample(settings: { readonly LIMIT: string; readonly WINDOW: string }): Promise<string> {
  example = runProgram(nodeProgram('examples', 'express', 'main.ts'), { env: { PORT: '0', BURST: '0', ...settings } })
  const [, url] = await example.waitFor(/curl -i (\S+)\n/)
  return url!
}
