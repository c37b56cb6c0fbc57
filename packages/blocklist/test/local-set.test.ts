// The local list against a plain scan, and its cases.
import { inCidr, parseAddress, parseCidr } from '@sluice/core/store-kit'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LocalSet } from '../src/local-set.ts'
import { record } from './support.ts'

const NOW = 1_000_000

function setOf(...names: readonly (string | readonly [string, Parameters<typeof record>[1]])[]): LocalSet {
  const set = new LocalSet(() => NOW)
  for (const name of names) set.put(typeof name === 'string' ? record(name) : record(...name))
  return set
}

describe('an address', () => {
  test.each([
    ['203.0.113.7', true],
    ['203.0.113.8', false],
    ['198.51.100.200', true],
    ['198.51.101.0', false],
    ['10.255.0.1', true],
    ['255.255.255.255', true],
    ['2001:db8:0:1ff::9', true],
    ['2001:db8:0:200::9', false],
    ['2001:db8:aaaa::1', true],
    ['2001:db8:aaaa::2', false],
    ['::ffff:203.0.113.7', true],
    ['0.0.0.0', false],
    ['', false],
    ['unknown', false],
    ['203.0.113.7.', false],
  ])('%s: %s', (address, isBlocked) => {
    const set = setOf(
      '203.0.113.7/32',
      '198.51.100.0/24',
      '10.0.0.0/8',
      '255.255.255.255/32',
      '2001:db8:0:100::/56',
      '2001:db8:aaaa::1/128',
    )
    for (let i = 0; i < 2; i++) expect(set.check('nobody', address) !== undefined).toBe(isBlocked)
  })

  test('is no subject, and a subject is no address', () => {
    const set = setOf('203.0.113.7/32', ['198.51.100.1', { kind: 'subject' }])
    expect(set.check('203.0.113.7', '192.0.2.1')).toBeUndefined()
    expect(set.check('203.0.113.7/32', '192.0.2.1')).toBeUndefined()
    expect(set.check('other', '198.51.100.1')).toBeUndefined()
    expect(set.check('198.51.100.1', '192.0.2.1')).toBeDefined()
  })

  test('that is unknown is not blocked, its subject is', () => {
    const set = setOf('0.0.0.0/8', ['alice', { kind: 'subject' }])
    expect(set.check('bob', undefined)).toBeUndefined()
    expect(set.check(['bob', 'alice'], undefined)).toBeDefined()
  })
})

describe('which entry answers', () => {
  test('one that refuses before one that only reports, whatever their prefixes', () => {
    const set = setOf(['203.0.113.7/32', { effect: 'shadow' }], ['203.0.113.0/24', { effect: 'drop', rule: 'net' }])
    expect(set.check('', '203.0.113.7')).toMatchObject({ until: NOW + 60_000, rule: 'net', action: 'drop' })
    expect(setOf(['203.0.113.7/32', { effect: 'shadow' }]).check('', '203.0.113.7')).toMatchObject({ action: 'shadow' })
    const both = setOf(['203.0.113.7/32', { effect: 'shadow' }], ['alice', { kind: 'subject', rule: 'user' }])
    expect(both.check('alice', '203.0.113.7')).toMatchObject({ rule: 'user' })
    expect(both.check(['alice'], '203.0.113.7')).toMatchObject({ rule: 'user' })
    expect(both.check('bob', '203.0.113.7')).toMatchObject({ action: 'shadow' })
  })

  test('what is allowed wins, be it the address, its network or one of the subjects', () => {
    for (const allowed of ['203.0.113.7/32', '203.0.112.0/23', '2001:db8::/32']) {
      const set = setOf('203.0.113.0/24', '2001:db8:1::/48', [allowed, { effect: 'allow' }])
      expect(set.check('', allowed.includes(':') ? '2001:db8:1::5' : '203.0.113.7')).toBeUndefined()
    }
    const set = setOf('203.0.113.0/24', ['ops', { kind: 'subject', effect: 'allow' }])
    expect(set.check('ops', '203.0.113.7')).toBeUndefined()
    expect(set.check(['x', 'ops'], '203.0.113.7')).toBeUndefined()
    expect(set.check('x', '203.0.113.7')).toBeDefined()
  })

  test('none that has ended; a wider one behind it still does', () => {
    let now = NOW
    const set = new LocalSet(() => now)
    set.put(record('203.0.113.7/32', { until: NOW + 10 }))
    set.put(record('203.0.113.0/24', { until: NOW + 20 }))
    set.put(record('2001:db8::/32', { until: NOW + 20 }))
    set.put(record('alice', { kind: 'subject', until: NOW + 5 }))
    expect(set.check('alice', '203.0.113.7')).toMatchObject({ until: NOW + 10 })
    expect(set.check('', '2001:db8::7')).toMatchObject({ until: NOW + 20 })
    now += 10
    expect(set.check('alice', undefined)).toBeUndefined()
    expect(set.check('alice', '203.0.113.7')).toMatchObject({ until: NOW + 20 })
    now += 10
    expect(set.check('', '203.0.113.7')).toBeUndefined()
    expect(set.check('', '2001:db8::7')).toBeUndefined()
    expect(set.size).toBe(4)
    expect(set.sweep()).toHaveLength(4)
    expect(set.size).toBe(0)
  })

  test('a check makes no object', () => {
    const set = setOf('203.0.113.0/24')
    expect(set.check('', '203.0.113.7')).toBe(set.check('a', '203.0.113.8'))
  })
})

test('a target is covered by its own entry and by CIDRs that have all of it', () => {
  const set = setOf('203.0.113.0/24', ['192.0.2.0/24', { effect: 'allow' }], ['alice', { kind: 'subject' }])
  const covers = (name: string, kind: 'address' | 'subject' = 'address'): boolean => set.covers({ kind, name })
  expect(['203.0.113.7/32', '203.0.113.0/24', '203.0.113.128/25', '192.0.2.1/32'].map((name) => covers(name))).not.toContain(false)
  expect(['203.0.112.0/23', '203.0.112.0/32', '2001:db8::/56'].map((name) => covers(name))).not.toContain(true)
  expect(covers('alice', 'subject')).toBe(true)
  expect(covers('bob', 'subject')).toBe(false)
})

test('any list answers as a scan of all its entries', () => {
  // Few bits differ, so that prefixes are nested and addresses are near them.
  const v4 = fc.tuple(fc.nat(3), fc.nat(3), fc.nat(255)).map(([a, b, c]) => `10.${a}.${b}.${c}`)
  const v6 = fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3)).map(([a, b, c]) => `2001:db8:${a}:${b}::${c}`)
  const cidr = fc.oneof(
    fc.tuple(v4, fc.integer({ min: 8, max: 32 })).map(([address, bits]) => `${address}/${bits}`),
    fc.tuple(v6, fc.integer({ min: 16, max: 128 })).map(([address, bits]) => `${address}/${bits}`),
  )
  const step = fc.record({ cidr, effect: fc.constantFrom('refuse' as const, 'refuse', 'shadow', 'allow', 'remove'), ends: fc.nat(3) })
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 1, maxLength: 60 }),
      fc.array(fc.oneof(v4, v6), { minLength: 20, maxLength: 20 }),
      (steps, asked) => {
        const set = new LocalSet(() => NOW)
        const plain = new Map<string, ReturnType<typeof record>>()
        for (const { cidr: name, effect, ends } of steps) {
          const one = record(name, { effect: effect === 'remove' ? 'refuse' : effect, until: ends === 0 ? NOW : NOW + 100 })
          const parsed = parseCidr(name)!
          const key = `${parsed.address.join('.')}/${parsed.bits}`
          if (effect === 'remove') {
            set.remove(one)
            plain.delete(key)
          } else {
            set.put(one)
            plain.set(key, one)
          }
        }
        expect(set.records()).toHaveLength([...plain.values()].filter(({ until }) => until > NOW).length)
        for (const address of asked) {
          const hits = [...plain.values()].filter(({ name, until }) => until > NOW && inCidr(parseAddress(address)!, parseCidr(name)!))
          const isAllowed = hits.some(({ effect }) => effect === 'allow')
          const expected = isAllowed ? undefined : hits.some(({ effect }) => effect === 'refuse') ? 'refuse' : hits[0]?.effect
          expect(set.check('', address)?.action).toBe(expected)
        }
      },
    ),
    { numRuns: 300 },
  )
})

test('an address that somebody else misspelt in the storage is no entry', () => {
  const set = setOf('203.0.113.7', 'nonsense', '203.0.113.0/33', '', '0.0.0.0/0')
  expect(set.size).toBe(2)
  expect(set.sizes.refuse).toBe(2)
  expect(set.remove(record('nonsense'))).toBeUndefined()
  expect(set.check('', '203.0.113.7')).toBeDefined()
})

test('many entries come and go', () => {
  const set = new LocalSet(() => NOW)
  const nameOf = (i: number): string => `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}/32`
  for (let i = 0; i < 20_000; i++) set.put(record(nameOf(i * 7)))
  for (let i = 0; i < 20_000; i++) if (i % 3 > 0) set.remove(record(nameOf(i * 7)))
  for (let i = 0; i < 20_000; i++) {
    const [address = ''] = nameOf(i * 7).split('/')
    if ((set.check('', address) !== undefined) !== (i % 3 === 0)) throw new Error(`${address} is wrong`)
  }
  expect(set.size).toBe(6_667)
})
