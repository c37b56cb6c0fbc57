// Whole requests, over sockets, to a server of every adapter: none may fail, and none may be handled without being counted.
import fc from 'fast-check'
import { waitUntil } from '@sluice/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fuzz, type Verdict } from './runner.ts'
import { type FuzzedServer, Ledger, SERVERS, SLOTS } from './servers.ts'
import { statusOf, textOf, type WireRequest, wireRequest, withId } from './wire.ts'

/** Requests that are sent at a time. */
const BATCH = 10

export function sockets(): void {
  describe.each(SERVERS)('F18: requests over sockets to %s', (name, start) => {
    const ledger = new Ledger()
    let limited: FuzzedServer
    let plain: FuzzedServer
    beforeAll(async () => {
      limited = await start(ledger)
      plain = await start(undefined)
    })
    afterAll(async () => {
      await limited.close()
      await plain.close()
    })

    /** Throws if the limiters answered a request with a 5xx or not at all, or let it pass without counting it. */
    const check = async (request: WireRequest): Promise<boolean> => {
      const status = await statusOf(limited.port, request)
      const fail = (what: string) => {
        throw new Error(`${name}: ${what}\n${JSON.stringify(textOf(request))}`)
      }
      // What the server without limiters does not answer either, or answers with a 5xx, is not ours.
      if (status >= 500 && (await statusOf(plain.port, request)) < 500) fail(`status ${status}`)
      if (status === 0 && ledger.arrived.has(request.id) && (await statusOf(plain.port, request)) > 0) fail('no answer')
      if (ledger.handled.has(request.id) && !isPreflight(request)) {
        const uncounted = [...ledger.decided].filter(([limiter, ids]) => limiter !== 'refusing' && !ids.has(request.id))
        if (uncounted.length > 0) fail(`not counted by ${uncounted.map(([limiter]) => limiter).join(', ')}`)
      }
      return ledger.handled.has(request.id)
    }

    test('none gets a 5xx, and all that are handled are counted', { timeout: 120_000 }, async () => {
      let handled = 0
      const batches = fc.array(wireRequest, { minLength: BATCH, maxLength: BATCH })
      const send = async (batch: readonly WireRequest[]): Promise<Verdict> => {
        const all = await Promise.all(batch.map((request) => check(withId(request))))
        handled += all.filter(Boolean).length
        return 'worked'
      }
      // The error names the request, so a failing batch is not shrunk.
      await fuzz(`${name} (batches)`, 200, batches, send, { shrinks: false })
      await waitUntil('all slots to be free', async () => (await ledger.slots.peek('all')).remaining === SLOTS)
      // Otherwise the requests would be too wrong to test anything.
      expect(handled).toBeGreaterThan(ledger.arrived.size / 4)
    })
  })
}

/** CORS preflights are not counted. Node joins a header that comes twice. */
function isPreflight({ method, headers }: WireRequest): boolean {
  const asked = headers.filter(([name]) => name.toLowerCase() === 'access-control-request-method').map(([, value]) => value)
  return method === 'OPTIONS' && asked.join(', ') !== ''
}
