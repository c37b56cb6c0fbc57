// Who is blocked by the rule, and who never is.
import { leakyBucket, slidingLog, slidingWindow, tokenBucket } from '@sluice/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { attack, fromBot, lab, type Lab } from './lab.ts'

const BOT = '203.0.113.7'

const strikesOf = ({ lists }: Lab): number => lists.reduce((sum, list) => sum + list.health().strikes, 0)

describe('a bot is blocked', () => {
  test('within seconds, with the evidence', async () => {
    const one = lab()
    expect(await attack(one, { address: BOT })).toBeLessThanOrEqual(16)
    const { blocked } = await one.lists[0]!.why(BOT)
    expect(blocked).toMatchObject({ kind: 'address', name: `${BOT}/32`, effect: 'refuse', rule: 'strikes', level: 1 })
    expect(blocked?.evidence).toMatchObject({ endpoints: 5, limits: ['api/minute'] })
    expect(blocked?.evidence?.strikes).toBeGreaterThanOrEqual(100)
    expect(one.lists[0]!.health()).toMatchObject({ active: { refuse: 1 } })
  })

  test('within 65 s, however slow, as soon as it makes 100 strikes a minute', async () => {
    const seconds = await attack(lab({ limit: 10 }), { address: BOT }, { perSecond: 3 })
    expect(seconds).toBeGreaterThan(30)
    expect(seconds).toBeLessThanOrEqual(65)
  })

  test('whose requests go to three processes: in all of them, by one block', async () => {
    const one = lab({ processes: 3, limit: 60 })
    let first: number | undefined
    for (let second = 0; first === undefined && second < 65; second++) {
      await one.second(fromBot({ address: BOT }, 20).map((request, i) => ({ ...request, process: i % 3 })))
      if (one.lists.every((list) => list.check('', BOT) !== undefined)) first = second
    }
    expect(first).toBeLessThanOrEqual(20)
    expect(await one.lists[0]!.list()).toHaveLength(1)
    const blocks = one.lists.flatMap((list) => list.health().changes.filter(({ rule, action }) => rule === 'strikes' && action === 'block'))
    expect(blocks.reduce((sum, { count }) => sum + count, 0)).toBe(1)
  })

  test('of IPv6: its whole network', async () => {
    const one = lab()
    for (let second = 0; second < 30; second++) {
      const addressOf = (i: number): string => `2001:db8:0:1${i.toString(16).padStart(2, '0')}::${second}`
      const requests = fromBot({ subjects: ['2001:db8:0:100::/56'] }, 20)
      await one.second(requests.map((request, i) => ({ ...request, address: addressOf(i) })))
    }
    expect(await one.lists[0]!.list()).toMatchObject([{ name: '2001:db8:0:100::/56' }])
    expect(one.lists[0]!.check('', '2001:db8:0:1ff::1')).toBeDefined()
    expect(one.lists[0]!.check('', '2001:db8:0:200::1')).toBeUndefined()
  })

  test('that is a user whom the application knows: the user, from every address', async () => {
    const one = lab()
    expect(await attack(one, { address: BOT, user: 'mallory' })).toBeLessThan(20)
    expect(await one.lists[0]!.list()).toMatchObject([{ kind: 'subject', name: 'mallory' }])
    expect(one.send({ address: '192.0.2.9', user: 'mallory' }).status).toBe(403)
    expect(one.send({ address: BOT, user: 'alice' }).status).toBe(200)
  })

  test('again, for twice as long, and after quiet days for less', async () => {
    const one = lab()
    const lengths: number[] = []
    const again = async (): Promise<void> => {
      await attack(one, { address: BOT })
      const [record] = await one.lists[0]!.list()
      lengths.push(((record?.until ?? 0) - (record?.since ?? 0)) / 1_000)
      one.clock.set(record?.until ?? 0)
    }
    for (let i = 0; i < 4; i++) await again()
    one.clock.advance(2 * 86_400_000)
    await again()
    expect(lengths).toEqual([60, 120, 240, 480, 240])
  })

  test('by action drop, if the rule says so', async () => {
    const one = lab({ rule: { mode: 'enforce', action: 'drop' } })
    await attack(one, { address: BOT })
    expect(one.lists[0]!.check('', BOT)).toMatchObject({ action: 'drop' })
  })
})

test('a burst in each second, as of very many connections, is no client that obeys', async () => {
  const one = lab({ limit: 60 })
  let isBlocked = false
  for (let second = 0; second < 30; second++) {
    for (const request of fromBot({ address: BOT }, 500)) isBlocked ||= one.send(request).status === 403
    await one.wait(1_000)
  }
  expect(isBlocked).toBe(true)
})

describe('in shadow, which is the default', () => {
  test('a bot is reported, not blocked, and its requests go on being limited', async () => {
    const one = lab({ rule: {} })
    expect(await attack(one, { address: BOT }, { seconds: 30 })).toBeUndefined()
    expect(one.lists[0]!.check('', BOT)).toMatchObject({ action: 'shadow', rule: 'strikes' })
    expect(one.lists[0]!.health()).toMatchObject({ active: { refuse: 0, drop: 0, shadow: 1 } })
  })

  test('what is blocked in shadow makes no further strikes, as if it were enforced', async () => {
    const one = lab({ rule: {} })
    await attack(one, { address: BOT }, { seconds: 20 })
    const strikes = strikesOf(one)
    await attack(one, { address: BOT }, { seconds: 20 })
    expect(strikesOf(one)).toBe(strikes)
    expect((await one.lists[0]!.why(BOT)).counting).toBeUndefined()
  })
})

describe('a client that obeys is never struck', () => {
  test('at its limit for hours, on many endpoints', async () => {
    const one = lab({ limit: 10 })
    for (let i = 0; one.clock.now() < 1_767_225_600_000 + 4 * 3_600_000; i++) {
      const { status, retryAfter } = one.send({ address: BOT, endpoint: `/${i % 9}` })
      if (status === 429) await one.wait(retryAfter * 1_000)
      else one.clock.advance(50)
    }
    expect(strikesOf(one)).toBe(0)
    expect(one.lists[0]!.health().suspects.dropped).toBe(0)
  })

  /** A client with several connections sends as many requests at once. When one is refused, it waits as long as the longest answer says. */
  const families = fc.constantFrom(
    slidingWindow({ name: 'a', limit: 5, window: '10s' }),
    slidingLog({ name: 'a', limit: 3, window: '7s' }),
    tokenBucket({ name: 'a', limit: 10, window: '1s', burst: 5 }),
    leakyBucket({ name: 'a', limit: 3, window: '1s' }),
    slidingWindow({ name: 'a', limit: 1, window: '1s' }),
  )

  test('whatever the limit, its connections and the time that answers take', async () => {
    await fc.assert(
      fc.asyncProperty(
        families,
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 0, max: 450 }),
        fc.array(fc.integer({ min: 0, max: 1_500 }), { minLength: 40, maxLength: 40 }),
        async (limit, connections, spread, pauses) => {
          const one = lab({ limits: [limit] })
          for (const pause of pauses) {
            let wait = 0
            for (let i = 0; i < connections; i++) {
              if (i > 0) one.clock.advance(spread / connections)
              wait = Math.max(wait, one.send({ address: BOT, endpoint: `/${i}` }).retryAfter)
            }
            await one.wait(wait * 1_000 + pause)
          }
          expect(strikesOf(one)).toBe(0)
        },
      ),
      { numRuns: 60 },
    )
  })

  test('though it knows nothing of Retry-After, if it backs off', async () => {
    const one = lab({ limit: 10 })
    let pause = 1
    for (let i = 0; i < 500; i++) {
      const { status } = one.send({ address: BOT, endpoint: `/${i % 5}` })
      pause = status === 429 ? Math.min(pause * 2, 60) : 1
      await one.wait(pause * 1_000)
      expect(status).not.toBe(403)
    }
    expect(await one.lists[0]!.list()).toEqual([])
  })

  test('though it knows nothing of Retry-After, and asks one endpoint each second', async () => {
    const one = lab({ limit: 10 })
    for (let i = 0; i < 900; i++) {
      expect(one.send({ address: BOT, endpoint: '/status' }).status).not.toBe(403)
      await one.wait(500)
    }
    expect(strikesOf(one)).toBeGreaterThan(500)
    expect(await one.lists[0]!.list()).toEqual([])
  })

  test('most of whose requests are admitted', async () => {
    const one = lab({ limit: 6_000 })
    for (let second = 0; second < 100; second++) {
      const answers = await one.second(fromBot({ address: BOT }, 130))
      expect(answers.some(({ status }) => status === 403)).toBe(false)
    }
    expect(strikesOf(one)).toBeGreaterThan(300)
  })
})

describe('nobody else is blocked', () => {
  test('by requests that claim to be somebody: a header that a stranger may write strikes the address of the stranger', async () => {
    const one = lab()
    for (let second = 0; second < 20; second++) await one.second(fromBot({ address: BOT, subjects: ['key-of-alice'] }, 30))
    expect(await one.lists[0]!.list()).toMatchObject([{ kind: 'address', name: `${BOT}/32` }])
    expect(one.lists[0]!.check('key-of-alice', '192.0.2.1')).toBeUndefined()
  })

  test('by a key that looks like the address of somebody', async () => {
    const one = lab()
    for (let second = 0; second < 20; second++) await one.second(fromBot({ address: BOT, subjects: ['198.51.100.1'] }, 30))
    expect(one.lists[0]!.check('198.51.100.1', '198.51.100.1')).toBeUndefined()
    expect(one.lists[0]!.check('', BOT)).toBeDefined()
  })

  test('at an address that several users share: the user who goes on is', async () => {
    const one = lab({ limit: 30 })
    const office = '198.51.100.1'
    const users = Array.from({ length: 10 }, (_, i) => ({ address: office, user: `user-${i}` }))
    for (let second = 0; second < 90; second++) {
      // Without an account, at the same address, and as fast.
      const anonymous = fromBot({ address: office }, 20)
      await one.second([...users, ...fromBot({ address: office, user: 'mallory' }, 20).flatMap((request, i) => [request, anonymous[i]!])])
    }
    expect(await one.lists[0]!.list()).toMatchObject([{ kind: 'subject', name: 'mallory' }])
    expect(one.lists[0]!.check('', office)).toBeUndefined()
  })

  test('without an address: all such clients would be', async () => {
    const one = lab()
    expect(await attack(one, { address: '0.0.0.0', subjects: ['0.0.0.0'] }, { seconds: 30 })).toBeUndefined()
    expect(await attack(one, { address: undefined, subjects: ['x'] }, { seconds: 30 })).toBeUndefined()
    expect(strikesOf(one)).toBe(0)
  })

  test('who is on the allow list: not the address, its network, nor the user', async () => {
    const one = lab({ allow: ['203.0.113.0/24', { subject: 'monitoring' }] })
    expect(await attack(one, { address: BOT }, { seconds: 40 })).toBeUndefined()
    expect(await attack(one, { address: '192.0.2.1', user: 'monitoring' }, { seconds: 40 })).toBeUndefined()
    await one.lists[0]!.allow('192.0.2.2')
    expect(await attack(one, { address: '192.0.2.2' }, { seconds: 40 })).toBeUndefined()
    expect(strikesOf(one)).toBe(0)
    expect(await attack(one, { address: '192.0.2.3' }, { seconds: 40 })).toBeDefined()
  })

  test('by rotating addresses: each is a client of its own, and memory stays bounded', async () => {
    const one = lab({ limit: 2, maxSubjects: 500 })
    for (let i = 0; i < 8_000; i++) {
      const address = `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`
      for (let j = 0; j < 4; j++) one.send({ address, endpoint: `/${j}` })
      if (i % 500 === 0) await one.wait(1_000)
    }
    const { suspects, active } = one.lists[0]!.health()
    expect(active.refuse).toBe(0)
    expect(suspects.now).toBeLessThanOrEqual(500)
    expect(suspects.dropped).toBeGreaterThan(6_000)
    expect(await attack(one, { address: BOT })).toBeLessThan(20)
  })

  test('a strong bot is found among many that come and go', async () => {
    const one = lab({ limit: 2, maxSubjects: 100 })
    let isBlocked = false
    const bot = fromBot({ address: BOT }, 40)
    for (let second = 0; second < 40 && !isBlocked; second++) {
      const others = Array.from({ length: 1_000 }, (_, i) => ({ address: `10.1.${second}.${i >> 2}`, endpoint: `/${i & 3}` }))
      const answers = await one.second(others.flatMap((request, i) => (i % 25 === 0 ? [request, bot[i / 25]!] : [request])))
      isBlocked = answers.some(({ status }) => status === 403)
    }
    expect(isBlocked).toBe(true)
  })
})
