import { createLimiter, memoryStore, observe, type RequestBlockList, setEnabled, slidingWindow, type Store, user } from '@sluice/core'
import { createPipeline, type Host } from '@sluice/core/adapter-kit'
import { fakeClock } from '@sluice/testing'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { dropNodeRequest } from '../../src/http/node.ts'

class Request {
  readonly client: string
  constructor(client: string) {
    this.client = client
  }
}
const host: Host<Request> = {
  id: (request) => request,
  method: () => 'GET',
  address: () => '2001:db8::1',
  header: () => undefined,
}
const minute = slidingWindow({ name: 'minute', limit: 5, window: '1m' })
const key = ({ client }: Request) => client

afterEach(() => setEnabled(true))

describe('blockList', () => {
  test.each([1, {}, { check: () => undefined, decided: true }, null])('%j is refused', (blockList) => {
    const named = expect.objectContaining({
      code: 'ERR_OPTION_INVALID',
      message: expect.stringContaining('blockList: expected what blockList()'),
    })
    expect(() => createPipeline(host, { blockList: blockList as never })).toThrow(named)
  })

  test('the wait is by the clock of the list, rounded up, and at least a second', async () => {
    const clock = fakeClock()
    const until = clock.now() + 90_500
    const decide = createPipeline(host, {
      limits: [minute],
      blockList: { clock, check: () => ({ until, rule: 'r', action: 'refuse' }) },
    })
    const retry = async () => (await decide(new Request('a'))).headers.find(([name]) => name === 'Retry-After')?.[1]
    expect(await retry()).toBe('91')
    clock.advance(90_400)
    expect(await retry()).toBe('1')
    clock.advance(9_000)
    expect(await retry(), 'a block that has just ended').toBe('1')
  })

  test('the address has all its bits, also where the subject is its network', async () => {
    const check = vi.fn<RequestBlockList['check']>(() => undefined)
    await createPipeline(host, { limits: [minute], blockList: { check } })(new Request('a'))
    expect(check).toHaveBeenCalledWith('2001:db8::/56', '2001:db8::1')
  })

  test('a client that leaves while the store decides is counted by its address, which is read once', async () => {
    const socket = { remoteAddress: '203.0.113.7' as string | undefined }
    let reads = 0
    const address = () => {
      reads += 1
      return socket.remoteAddress
    }
    const inner = memoryStore()
    const store: Store = { name: 'later', reset: () => false, consume: async (...given) => inner.consume(...given) }
    const decided = vi.fn<NonNullable<RequestBlockList['decided']>>()
    const blockList: RequestBlockList = { check: () => undefined, decided }
    const decision = createPipeline({ ...host, address }, { limits: [minute], key, store, blockList })(new Request('a'))
    socket.remoteAddress = undefined
    await decision
    expect(decided.mock.calls.map(([, facts]) => facts.address)).toEqual(['203.0.113.7'])
    expect(reads).toBe(1)
  })

  test('is not asked while limiters are switched off', async () => {
    const check = vi.fn<RequestBlockList['check']>(() => undefined)
    const decided = vi.fn<NonNullable<RequestBlockList['decided']>>()
    const decide = createPipeline(host, { limits: [minute], blockList: { check, decided } })
    setEnabled(false)
    expect((await decide(new Request('a'))).pass).toBe(true)
    expect(check).not.toHaveBeenCalled()
  })

  test('belongs to one mount of a limiter, and hears the decisions of a limiter that an application wrapped', async () => {
    const limiter = createLimiter({ limits: [minute] })
    const heard: unknown[] = []
    const blockList: RequestBlockList = {
      check: (subjects) => (subjects === 'bot' ? { until: Infinity, rule: 'r', action: 'refuse' } : undefined),
      decided: ({ verdict }, { how, latency, authenticated }) => heard.push([verdict, how, latency > 0, authenticated]),
    }
    const wrapped = {
      ...limiter,
      name: 'wrapped',
      consume: async (...given: Parameters<typeof limiter.consume>) => limiter.consume(...given),
    }
    const guarded = createPipeline(host, { limiter: wrapped as never, key: user(key), blockList })
    const open = createPipeline(host, { limiter, key })
    const refused = await guarded(new Request('bot'))
    expect(refused).toMatchObject({ pass: false, status: 403, decision: { verdict: 'blocked', source: 'block', retryAfter: Infinity } })
    expect(refused.headers.map(([name]) => name)).toEqual(['Cache-Control', 'Content-Type'])
    expect((await open(new Request('bot'))).pass).toBe(true)
    expect((await guarded(new Request('a'))).pass).toBe(true)
    expect(heard).toEqual([['allowed', 'charge', true, true]])
  })

  test('a blocked request is a decision and a refusal of the process', async () => {
    const heard: unknown[] = []
    const stop = observe({
      refusal: (decision, facts) => void heard.push([decision.rule, decision.policy, decision.tier, facts.method, facts.how]),
    })
    const decide = createPipeline(host, {
      name: 'api',
      tiers: { pro: [minute] },
      tier: () => 'pro',
      key,
      blockList: { check: () => ({ until: Date.now() + 1_000, rule: 'r', action: 'refuse' }) },
    })
    await decide(new Request('a'))
    stop()
    await decide(new Request('a'))
    expect(heard).toEqual([['r', 'api', 'pro', 'GET', 'charge']])
  })

  test('an extension of a pipeline keeps the list', async () => {
    const decide = createPipeline(host, {
      limits: [minute],
      key,
      blockList: { check: () => ({ until: Infinity, rule: 'r', action: 'refuse' }) },
    })
    expect((await decide.extend((rules) => rules)(new Request('a'))).pass).toBe(false)
  })

  test('drop closes a connection, or the stream of HTTP/2, and says when it could not', () => {
    const socket = { destroyed: false, destroy: () => void (socket.destroyed = true) }
    expect(dropNodeRequest({ socket })).toBe(true)
    const close = vi.fn<(code: number) => void>()
    const shared = { destroyed: false, destroy: vi.fn<() => void>() }
    expect(dropNodeRequest({ socket: shared, stream: { destroyed: false, close } })).toBe(true)
    expect(close).toHaveBeenCalledWith(8)
    expect(shared.destroy).not.toHaveBeenCalled()
    expect(dropNodeRequest({ socket: {} }), 'a simulated request').toBe(false)
    expect(dropNodeRequest({})).toBe(false)
  })
})
