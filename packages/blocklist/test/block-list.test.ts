// What an operator does with a list.
import { blockList, type BlockList, type BlockListOptions, type BlockRecord, memoryBlockStorage } from '@sluice/blocklist'
import { fakeClock, START } from '@sluice/testing'
import { describe, expect, onTestFinished, test, vi } from 'vitest'

function opened(options: BlockListOptions = {}) {
  const clock = fakeClock()
  const changes: string[] = []
  const on = { change: ({ change, record }: { change: string; record: BlockRecord }) => changes.push(`${change} ${record.name}`) }
  const list = blockList({ clock, on, ...options })
  onTestFinished(() => list.close())
  return { clock, list, changes }
}

const actionOf = (list: BlockList, address: string): string | undefined => list.check('', address)?.action

describe('by hand', () => {
  test('a block holds at once, and ends', async () => {
    const { clock, list, changes } = opened()
    const record = await list.block('203.0.113.7', '1h', { reason: 'ticket 4711' })
    expect(record).toEqual({
      kind: 'address',
      name: '203.0.113.7/32',
      effect: 'refuse',
      rule: 'manual',
      since: START,
      until: START + 3_600_000,
      level: 0,
      evidence: undefined,
      reason: 'ticket 4711',
    })
    expect(list.check('', '203.0.113.7')).toEqual({ until: START + 3_600_000, rule: 'manual', action: 'refuse', record })
    expect(await list.list()).toEqual([record])
    clock.advance(3_600_000)
    expect(list.check('', '203.0.113.7')).toBeUndefined()
    expect(await list.list()).toEqual([])
    expect(changes).toEqual(['block 203.0.113.7/32', 'expire 203.0.113.7/32'])
  })

  test('the last call sets the end and the action; unblock ends it', async () => {
    const { list, changes } = opened()
    await list.block('203.0.113.0/24', '1h')
    await list.block('203.0.113.0/24', '1m', { action: 'drop' })
    expect(list.check('', '203.0.113.9')).toMatchObject({ until: START + 60_000, action: 'drop' })
    await list.block('203.0.113.0/24', '1m', { action: 'shadow' })
    expect(actionOf(list, '203.0.113.9')).toBe('shadow')
    expect(await list.unblock('203.0.113.9')).toBe(false)
    expect(await list.unblock('203.0.113.0/24')).toBe(true)
    expect(await list.unblock('203.0.113.0/24')).toBe(false)
    expect(actionOf(list, '203.0.113.9')).toBeUndefined()
    expect(changes).toEqual([...Array.from({ length: 3 }, () => 'block 203.0.113.0/24'), 'unblock 203.0.113.0/24'])
  })

  test.each([
    ['203.0.113.7', 'address 203.0.113.7/32'],
    ['203.0.113.7/24', 'address 203.0.113.0/24'],
    ['203.0.113.7:8080', 'address 203.0.113.7/32'],
    ['::ffff:203.0.113.7', 'address 203.0.113.7/32'],
    ['::ffff:203.0.113.0/120', 'address 203.0.113.0/24'],
    ['2001:DB8::1', 'address 2001:db8::1/128'],
    ['2001:db8:0:1ff::/56', 'address 2001:db8:0:100::/56'],
    ['[2001:db8::1]:443', 'address 2001:db8::1/128'],
    ['user:42', 'subject user:42'],
    ['203.0.113.07', 'subject 203.0.113.07'],
    [{ subject: '203.0.113.7' }, 'subject 203.0.113.7'],
    [{ address: '203.0.113.7' }, 'address 203.0.113.7/32'],
  ])('%j is the %s', async (target, expected) => {
    const { list } = opened()
    const { kind, name } = await list.block(target, '1m')
    expect(`${kind} ${name}`).toBe(expected)
    expect((await list.why(target)).blocked?.name).toBe(name)
  })

  test.each([
    ['', 'block: expected a subject of 1 to 256 characters'],
    ['x'.repeat(257), 'block: expected a subject of 1 to 256 characters'],
    ['0.0.0.0/0', 'block: expected a CIDR of at least 8 bits, such as \'203.0.113.0/24\', got the string "0.0.0.0/0"'],
    ['::/0', 'block: expected a CIDR of at least 16 bits'],
    [{ address: 'user:42' }, "block: expected a text, { address: '203.0.113.0/24' } or { subject: 'user:42' }, got the string \"user:42\""],
    [{ subject: 'a', address: '192.0.2.1' }, 'block: expected a text'],
    [undefined, 'block: expected a text'],
    [42, 'block: expected a text'],
  ])('%j is refused', async (target, message) => {
    await expect(opened().list.block(target as never, '1m')).rejects.toThrow(message)
  })

  test.each([
    [['a', '0s'], 'block: duration'],
    [['a', 'forever'], 'block: duration'],
    [['a', '367d'], 'block: duration'],
    [['a', '1m', { action: 'ban' }], "block: action: expected 'refuse', 'drop' or 'shadow'"],
    [['a', '1m', { reason: 'a\nb' }], 'block: reason: expected at most 200 characters without line breaks'],
    [['a', '1m', { reson: '' }], '"reson" is not an option; use reason'],
  ])('%j are refused', async (args, message) => {
    await expect(opened().list.block(...(args as [never, never, never]))).rejects.toThrow(message)
  })
})

describe('what is allowed', () => {
  test('is not blocked, until it is disallowed or its time is over', async () => {
    const { clock, list, changes } = opened()
    await list.block('203.0.113.0/24', '1d')
    const allowed = await list.allow('203.0.113.7', { duration: '1h', reason: 'partner' })
    expect(allowed).toMatchObject({ effect: 'allow', until: START + 3_600_000, reason: 'partner' })
    expect([actionOf(list, '203.0.113.7'), actionOf(list, '203.0.113.8')]).toEqual([undefined, 'refuse'])
    await expect(list.block('203.0.113.7', '1h')).rejects.toThrow(
      'block: expected a target that is not allowed, got "203.0.113.7/32"; disallow it first (ERR_BLOCK_ALLOWED',
    )
    clock.advance(3_600_000)
    expect(actionOf(list, '203.0.113.7')).toBe('refuse')
    await list.allow('203.0.113.7')
    expect((await list.list()).at(-1)).toMatchObject({ effect: 'allow', until: Infinity })
    expect(await list.disallow('203.0.113.7')).toBe(true)
    expect(await list.disallow('203.0.113.7')).toBe(false)
    expect(actionOf(list, '203.0.113.7')).toBe('refuse')
    expect(changes.slice(-1)).toEqual(['disallow 203.0.113.7/32'])
  })

  test('by the option is this process only, and cannot be blocked here', async () => {
    const storage = memoryBlockStorage()
    const { list } = opened({ storage, allow: ['203.0.113.7', { subject: 'ops' }] })
    await expect(list.block('203.0.113.7', '1h')).rejects.toThrow('ERR_BLOCK_ALLOWED')
    await storage.put({ kind: 'address', name: '203.0.113.7/32', effect: 'refuse', reason: '', duration: 60_000, maxEntries: 9 })
    await list.block('203.0.113.0/24', '1h')
    await list.ready()
    expect(actionOf(list, '203.0.113.7')).toBeUndefined()
    expect(list.check('ops', '203.0.113.9')).toBeUndefined()
    expect((await list.why('203.0.113.7')).allowed).toMatchObject({ rule: 'option' })
  })
})

describe('why', () => {
  test('names the CIDR that blocks, and what allows', async () => {
    const { list } = opened()
    await list.block('203.0.113.0/24', '1h', { reason: 'scan' })
    expect(await list.why('203.0.113.7')).toEqual({
      target: { kind: 'address', name: '203.0.113.7/32' },
      blocked: expect.objectContaining({ name: '203.0.113.0/24', reason: 'scan' }),
      allowed: undefined,
      counting: undefined,
      level: 0,
    })
    await list.allow('203.0.112.0/23')
    expect(await list.why('203.0.113.7')).toMatchObject({ blocked: { name: '203.0.113.0/24' }, allowed: { name: '203.0.112.0/23' } })
    expect(await list.why('alice')).toMatchObject({ target: { kind: 'subject' }, blocked: undefined, allowed: undefined })
  })
})

describe('several lists on one storage', () => {
  test('know each other’s changes, and a subscriber hears them', async () => {
    const clock = fakeClock()
    const storage = memoryBlockStorage({ clock })
    const [one, other] = [blockList({ storage, clock }), blockList({ storage, clock })]
    onTestFinished(() => one.close())
    onTestFinished(() => other.close())
    await Promise.all([one.ready(), other.ready()])
    const heard: string[] = []
    const end = other.subscribe(({ change, record }) => heard.push(`${change} ${record.name}`))
    await one.block('203.0.113.7', '1m')
    expect(actionOf(other, '203.0.113.7')).toBe('refuse')
    await one.unblock('203.0.113.7')
    expect(actionOf(other, '203.0.113.7')).toBeUndefined()
    end()
    await one.block('203.0.113.8', '1m')
    expect(heard).toEqual(['block 203.0.113.7/32', 'unblock 203.0.113.7/32'])
    expect(one.health().changes).toContainEqual({ rule: 'manual', action: 'block', count: 2 })
    expect(other.health().changes).toContainEqual({ rule: 'manual', action: 'block', count: 0 })
    expect(other.health()).toMatchObject({ active: { refuse: 1, drop: 0, shadow: 0 }, allowed: 0, storage: 'connected' })
  })

  test('an observer that throws does no harm, and is reported', async () => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue()
    onTestFinished(() => warn.mockRestore())
    const { list } = opened({
      on: {
        change() {
          throw new Error('mine')
        },
      },
    })
    await list.block('203.0.113.7', '1m')
    expect(actionOf(list, '203.0.113.7')).toBe('refuse')
    expect(warn.mock.calls).toEqual([[expect.stringContaining('on.change threw: Error: mine (WARN_OBSERVER_FAILED')]])
  })

  test('a list that is closed goes on checking, and counts nothing', async () => {
    const clock = fakeClock()
    const list = blockList({ clock })
    await list.block('203.0.113.7', '1m')
    await list.close()
    expect(actionOf(list, '203.0.113.7')).toBe('refuse')
    expect(clock.pending).toBe(0)
    await expect(list.ready()).rejects.toThrow('ERR_LIMITER_CLOSED')
  })
})

test.each([
  [{ rul: {} }, '"rul" is not an option; use rule'],
  [{ storage: {} }, 'blockList: storage: expected what redisBlockStorage() or memoryBlockStorage() returns'],
  [{ allow: '10.0.0.0/8' }, 'blockList: allow: expected an array'],
  [{ allow: [''] }, 'blockList: allow[0]: expected a subject'],
  [{ ipv6Prefix: 31 }, 'blockList: ipv6Prefix: expected a whole number from 32 to 64, got 31'],
  [{ maxEntries: 0 }, 'blockList: maxEntries'],
  [{ maxSubjects: 99 }, 'blockList: maxSubjects'],
  [{ on: { changes() {} } }, '"changes" is not an option; use change'],
  [{ on: { change: 1 } }, 'blockList: on.change: expected a function, got 1'],
  [{ rule: { mode: 'on' } }, "blockList: rule.mode: expected 'enforce', 'shadow' or 'off'"],
  [{ rule: { action: 'shadow' } }, "blockList: rule.action: expected 'refuse' or 'drop'"],
  [{ rule: { name: 'manual' } }, 'blockList: rule.name'],
  [{ rule: { strikes: 1 } }, 'blockList: rule.strikes: expected a whole number from 2'],
  [{ rule: { endpoints: 201 } }, 'blockList: rule.endpoints'],
  [{ rule: { refusedShare: 0 } }, 'blockList: rule.refusedShare: expected a number above 0, up to 1, got 0'],
  [{ rule: { maxShare: 2 } }, 'blockList: rule.maxShare'],
  [{ rule: { window: '5s' } }, 'blockList: rule.window: expected 10 s to 1 h'],
  [{ rule: { longest: '30s' } }, 'blockList: rule.longest: expected at least rule.first (60000 ms)'],
  [{ rule: { sharedAddress: 17 } }, 'blockList: rule.sharedAddress'],
])('the options %j are refused', (options, message) => {
  expect(() => blockList(options as never)).toThrow(message)
})
