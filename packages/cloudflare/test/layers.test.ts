// D11, newcomer 2: failover, deny cache and leases over objects, in workerd, with two isolates that share the objects.
import { concurrency, fixedWindow, type Limit, type Outcome, slidingWindow, tokenBucket } from '@sluice/core'
import type { StackOptions } from '@sluice/core/store-kit'
import { type Admission, checkEnvelope, waitUntil } from '@sluice/testing'
import type { Workerd } from '@sluice/testing/workerd'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { charge, TEN_UNITS } from './lab.ts'
import { nextName, request, startLayers } from './layers-lab.ts'
import type { Fault, LayersAsk, LayersReply } from './layers.worker.ts'

let server: Workerd
beforeAll(async () => {
  server = await startLayers()
})
afterAll(() => server.stop())

const DEADLINE = 200
const FAILOVER: StackOptions = { failover: { deadline: DEADLINE, instances: 2 }, denyCache: false }
const HUNDRED: Limit = fixedWindow({ name: 'hundred', limit: 100, window: '1h', anchor: 'first' }).limit

/** Asks stores of one name, in either isolate. */
function asker(layers: StackOptions) {
  const name = nextName()
  return (
    isolate: number,
    calls: LayersAsk['calls'],
    { signal, ...more }: Partial<LayersAsk> & { readonly signal?: AbortSignal } = {},
  ): Promise<LayersReply> => request(server, isolate, { name, layers, calls, ...more }, signal)
}
const outcomesOf = ({ replies }: LayersReply): readonly Outcome[] =>
  replies.map((reply) => {
    if ('error' in reply) throw new Error(reply.error)
    return reply[0] as Outcome
  })
const sourcesOf = (reply: LayersReply): readonly string[] => outcomesOf(reply).map(({ source }) => source)
const take = (subject: string, limit = HUNDRED, cost = 1) => ({ charges: [charge(subject, limit, cost)] })
const breakerOf = ({ health }: LayersReply): string => (health as { readonly breaker: string }).breaker

/** Requests until the breaker has closed: each is one that could send the probe. */
async function closed(ask: () => Promise<LayersReply>): Promise<void> {
  await waitUntil('the breaker to close', async () => breakerOf(await ask()) === 'closed')
}

describe('D11: failover', () => {
  test.each<Fault>(['overloaded', 'code updated', 'lost answer', 'hang', 'reset'])(
    '%s: the isolate decides within the deadline, then without a call; later requests find the objects back',
    async (fault) => {
      const ask = asker(FAILOVER)
      expect(sourcesOf(await ask(0, [take('a')]))).toEqual(['durable-object'])
      for (let i = 0; i < 3; i++) {
        const reply = await ask(0, [take('a')], { fault })
        expect(sourcesOf(reply)).toEqual(['local'])
        expect(reply.took).toBeLessThan(DEADLINE + 150)
      }
      const open = await ask(0, [{ ...take('a'), times: 5 }], { fault })
      expect(sourcesOf(open)).toEqual(Array.from({ length: 5 }, () => 'local'))
      expect(open.took).toBeLessThan(DEADLINE / 2)
      expect(open.sent).toBe(4)
      expect(breakerOf(open)).toBe('open')
      // The other isolate has its own breaker.
      expect(sourcesOf(await ask(1, [take('a')]))).toEqual(['durable-object'])
      await closed(() => ask(0, [take('a')]))
      const after = await ask(0, [take('a')])
      expect(sourcesOf(after)).toEqual(['durable-object'])
      const types = after.events.flatMap((event) => (event.type === 'breaker' ? [event.to] : []))
      expect(types.at(0)).toBe('open')
      expect(types.slice(-2)).toEqual(['half-open', 'closed'])
    },
  )

  test('a probe that fails opens the breaker again, and no request waits for it', async () => {
    const ask = asker(FAILOVER)
    await ask(0, [{ ...take('a'), times: 3 }], { fault: 'overloaded' })
    let took = 0
    await waitUntil('two probes', async () => {
      const reply = await ask(0, [take('a')], { fault: 'hang' })
      took = Math.max(took, reply.took)
      return reply.sent >= 5
    })
    expect(took).toBeLessThan(DEADLINE / 2)
    await closed(() => ask(0, [take('a')]))
  })

  test('each isolate admits its share, and the deficit is charged when the objects are back', async () => {
    const ask = asker(FAILOVER)
    await ask(0, [take('a', TEN_UNITS)])
    const local = await ask(0, [{ ...take('a', TEN_UNITS), times: 10 }], { fault: 'overloaded' })
    expect(outcomesOf(local).filter(({ allowed }) => allowed)).toHaveLength(5)
    const peek = { ...take('a', TEN_UNITS), options: { how: 'peek' } } as const
    await closed(() => ask(0, [peek]))
    await waitUntil('the deficit', async () => outcomesOf(await ask(1, [peek]))[0]?.used === 6)
  })

  test('a slot that is released while the objects are away is free when they are back', async () => {
    const ask = asker(FAILOVER)
    const slots = concurrency({ name: 'slots', limit: 2, ttl: '1h' }).limit
    const [held] = outcomesOf(await ask(0, [take('a', slots)]))
    const release = { charges: [{ ...charge('a', slots, -1), receipt: held?.receipt }], options: { how: 'force' } as const }
    await ask(0, [release], { fault: 'lost answer' })
    await ask(0, [release], { fault: 'overloaded' })
    expect(outcomesOf(await ask(1, [{ ...take('a', slots), options: { how: 'peek' } }]))[0]?.used).toBeLessThanOrEqual(1)
    await waitUntil('the release', async () => {
      await ask(0, [take('b')])
      return outcomesOf(await ask(1, [{ ...take('a', slots), options: { how: 'peek' } }]))[0]?.used === 0
    })
  })

  test('failMode holds: open admits, closed refuses', async () => {
    const ask = asker(FAILOVER)
    const options = (failMode: 'open' | 'closed') => ({ ...take('a'), options: { failMode }, times: 5 })
    const reply = await ask(0, [options('open'), options('closed')], { fault: 'code updated' })
    expect(sourcesOf(reply)).toEqual([...Array.from({ length: 5 }, () => 'open'), ...Array.from({ length: 5 }, () => 'closed')])
  })

  test('no object forgets what it counted when it is reset', async () => {
    const ask = asker(FAILOVER)
    await ask(0, [take('a', TEN_UNITS, 7)])
    await ask(0, [take('a', TEN_UNITS)], { fault: 'reset' })
    expect(outcomesOf(await ask(1, [take('a', TEN_UNITS, 4)]))).toMatchObject([{ allowed: false, remaining: 3, source: 'durable-object' }])
  })

  test('trap: requests that end while the objects hang neither fail others nor keep the breaker half-open', async () => {
    const ask = asker({ ...FAILOVER, failover: { deadline: 50, instances: 2 } })
    const many = (fault: Fault) => Promise.all(Array.from({ length: 20 }, () => ask(0, [take('a')], { fault })))
    // Clients that leave while an isolate waits for the objects.
    const leaving = Array.from({ length: 20 }, (_, i) => ask(0, [take('a')], { fault: 'hang', signal: AbortSignal.timeout(i * 2) }))
    await Promise.allSettled(leaving)
    for (const reply of [...(await many('hang')), ...(await many('hang'))]) expect(sourcesOf(reply)).toEqual(['local'])
    // Probes hang, too.
    const sent = (replies: readonly LayersReply[]) => Math.max(...replies.map((reply) => reply.sent))
    const before = sent(await many('hang'))
    await waitUntil('two probes that hang', async () => sent(await many('hang')) >= before + 2)
    await closed(() => ask(0, [take('a')]))
    expect(server.logs()).not.toMatch(/different request|never generate a response/)
  })
})

describe('D11: the deny cache', () => {
  test('repeats a refusal without a call, for at most a second after another isolate has given the units back', async () => {
    const ask = asker({ failover: false })
    const first = await ask(0, [take('a', TEN_UNITS, 10), take('a', TEN_UNITS)])
    expect(sourcesOf(first)).toEqual(['durable-object', 'durable-object'])
    const again = await ask(0, [{ ...take('a', TEN_UNITS), times: 20 }])
    expect(new Set(sourcesOf(again))).toEqual(new Set(['deny-cache']))
    expect(again.sent).toBe(first.sent)
    await ask(1, [{ reset: [charge('a')] }])
    const since = Date.now()
    await waitUntil('the object to be asked again', async () => outcomesOf(await ask(0, [take('a', TEN_UNITS)]))[0]?.allowed === true)
    expect(Date.now() - since).toBeLessThan(1_500)
  })
})

describe('D11: leases', () => {
  const LEASES: StackOptions = { failover: { deadline: DEADLINE, instances: 2 }, denyCache: false, leases: { ttl: 500, hot: 10 } }
  const WINDOW = slidingWindow({ name: 'window', limit: 10_000, window: '1m' }).limit

  test('a hot subject is decided without calls, in both isolates, and every unit is counted', async () => {
    const ask = asker(LEASES)
    const sources: string[] = []
    let sent = 0
    // So large that the units which may be on lease are more than the requests of a fast machine.
    const large = slidingWindow({ name: 'large', limit: 1_000_000, window: '1m' }).limit
    for (let i = 0; i < 20; i++) {
      for (const isolate of [0, 1]) {
        const reply = await ask(isolate, [{ ...take('a', large), times: 25 }])
        sources.push(...sourcesOf(reply))
        if (isolate === 0) sent = reply.sent
      }
    }
    const admitted = sources.length
    // Half of the requests went to the first isolate. Its leases, and what it gives back, are calls as well.
    expect(sent).toBeLessThan((admitted / 2) * 0.75)
    expect(sources.filter((source) => source === 'lease').length).toBeGreaterThan(admitted / 4)
    // Unspent units are given back when the subject is idle, without a request.
    await waitUntil('the units to come back', async () => {
      const [outcome] = outcomesOf(await ask(0, [{ ...take('a', large), options: { how: 'peek' } }]))
      return outcome?.used === admitted
    })
  })

  test('an isolate that dies loses at most the units that may be on lease', async () => {
    const ask = asker(LEASES)
    const ceiling = Math.floor((2 * WINDOW.limit * 500) / 60_000)
    let admitted = 0
    for (let i = 0; i < 20; i++) admitted += outcomesOf(await ask(0, [{ ...take('a', WINDOW), times: 20 }])).length
    const after = await ask(0, [{ ...take('a', WINDOW), options: { how: 'peek' } }], { dies: true })
    const lost = (outcomesOf(after)[0]?.used as number) - admitted
    expect(lost).toBeGreaterThanOrEqual(0)
    expect(lost).toBeLessThanOrEqual(ceiling)
    // The units that died do not hold back new leases for more than two epochs.
    await waitUntil('a lease', async () => sourcesOf(await ask(0, [{ ...take('a', WINDOW), times: 20 }])).includes('lease'))
  })

  test.each([
    ['tokenBucket', tokenBucket({ name: 'token', limit: 500, window: '1s', burst: 600 }).limit, 60],
    ['slidingWindow', slidingWindow({ name: 'sliding', limit: 700, window: '2s' }).limit, 0],
  ] as const)('%s: two isolates, of which some die, admit no more than the bound in any interval', async (_, limit, extra) => {
    const layers = { ...LEASES, leases: { ttl: 250, hot: 10 } }
    const ask = asker(layers)
    const admitted: Admission[] = []
    let byLease = 0
    const end = Date.now() + 4_000
    const run = async (isolate: number): Promise<void> => {
      for (let i = 0; Date.now() < end || byLease <= 300; i++) {
        const reply = await ask(isolate, [{ ...take('a', limit), times: 10 }], { dies: i % 20 === 19 })
        for (const { allowed, at, granted, source } of outcomesOf(reply)) {
          if (!allowed) continue
          admitted.push({ at, units: granted })
          if (source === 'lease') byLease += granted
        }
        // The pace of the load is about twice what the limit admits: with much more, the limit is spent before a lease is granted.
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    }
    await Promise.all([run(0), run(1), run(0), run(1)])
    expect(byLease).toBeGreaterThan(300)
    const bound = extra > 0 ? { ...limit, burst: (limit.burst ?? 0) + extra } : limit
    expect(checkEnvelope(bound, admitted)).toEqual([])
  })
})
