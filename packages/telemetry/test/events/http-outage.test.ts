// A receiver over HTTP that goes away while requests come. In the daily tier it is away for 1 s, with times scaled down; else for a minute.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { createGunzip } from 'node:zlib'
import { systemClock } from '@sluice/core'
import { type DecisionEvent, decisionEvents, httpSink, type UsageRow } from '@sluice/telemetry'
import { waitUntil } from '@sluice/testing'
import { expect, onTestFinished, test } from 'vitest'
import { limiterOf, SECRET, viewOf } from './support.ts'

const isFull = process.env['SLUICE_FAULTS'] === 'full'
/** How much faster time passes for the events. */
const SPEED = isFull ? 1 : 60
const clock = {
  ...systemClock,
  after: (ms: number, run: () => void) => systemClock.after(ms / SPEED, run),
}

/** Takes batches, and loses every fifth answer. */
class Receiver {
  readonly events: DecisionEvent[] = []
  readonly rows: UsageRow[] = []
  private server: Server | undefined
  private port = 0
  private requests = 0

  async start(): Promise<string> {
    this.server = createServer((request, response) => {
      void text(request.pipe(createGunzip())).then((lines) => {
        const parsed = lines.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as never]))
        if (request.headers['sluice-topic'] === 'sluice.usage.v1') this.rows.push(...parsed)
        else this.events.push(...parsed)
        if ((this.requests += 1) % 5 === 0) request.destroy()
        else response.end()
      })
    })
    await new Promise<void>((resolve) => this.server?.listen(this.port, '127.0.0.1', resolve))
    this.port = (this.server.address() as AddressInfo).port
    return `http://127.0.0.1:${this.port}/events`
  }

  async stop(): Promise<void> {
    this.server?.closeAllConnections()
    await new Promise((resolve) => this.server?.close(resolve))
  }
}

test('no request waits or fails, drops are counted, and the sums are right afterwards', { timeout: 240_000 }, async () => {
  const receiver = new Receiver()
  const url = await receiver.start()
  onTestFinished(() => receiver.stop())
  const codes: string[] = []
  const options = { sample: 1, maxQueue: 2_000, clock, on: { warning: ({ code }: { code: string }) => void codes.push(code) } }
  const events = decisionEvents({ sink: httpSink({ url }), secret: SECRET, ...options })
  onTestFinished(() => events.close())
  const limiter = limiterOf(10_000, { name: 'receiver-away' })
  let decided = 0
  const decide = async (ms: number): Promise<void> => {
    for (const end = performance.now() + ms; performance.now() < end; await sleep(1)) {
      for (let i = 0; i < 10; i++) {
        // Synchronously, so nothing was waited for.
        expect(limiter.consume('alice')).toMatchObject({ mode: 'enforce' })
        decided += 1
      }
    }
  }
  await decide(500)
  await receiver.stop()
  await decide(60_000 / SPEED)
  expect(events.health().sink).toBe('away')
  await receiver.start()
  await decide(500)
  // Some answers are lost.
  await waitUntil('the receiver to have everything', () => events.flush())
  expect(codes).toContain('WARN_SINK_BACK')

  const sums = viewOf(
    receiver.rows.filter((row) => row.policy === ''),
    ({ verdict }) => verdict,
  )
  const allowed = Math.min(decided, 10_000)
  expect(sums.get('allowed')?.requests).toBe(allowed)
  expect(sums.get('refused')?.requests ?? 0).toBe(decided - allowed)
  const received = new Set(receiver.events.map(({ id }) => id)).size
  const { queue, ...others } = events.dropped()
  expect(others).toEqual({ budget: 0, rejected: 0, expired: 0 })
  // A batch whose answer was lost may be counted as dropped although the receiver has it.
  expect(received).toBeLessThanOrEqual(decided)
  expect(received + queue).toBeGreaterThanOrEqual(decided)
})
