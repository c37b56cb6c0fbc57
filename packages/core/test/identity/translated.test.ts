import { describe, expect, it } from 'vitest'
import { addressSubject, canonicalizer, wholeCanonicalizer } from '../../src/identity/canonical.ts'
import { trustOf } from '../../src/identity/trust.ts'
import { isTrusted } from '../../src/identity/trust.ts'

describe('F25: IPv4 in IPv6', () => {
  it.each([
    ['64:ff9b::808:808', '8.8.8.8'],
    ['64:ff9b::c000:201', '192.0.2.1'],
    ['64:ff9b::223.255.255.255', '223.255.255.255'],
    ['::ffff:0:8.8.8.8', '8.8.8.8'],
    ['::8.8.8.8', '8.8.8.8'],
    ['::ffff:127.0.0.1', '127.0.0.1'],
  ])('%s is %s', (text, expected) => {
    expect(canonicalizer()(text)).toBe(expected)
    expect(wholeCanonicalizer()(text)).toBe(expected)
    expect(addressSubject(text)).toBe(expected)
  })
  it.each([
    // Not public: RFC 6052 forbids them, and a client must not become one of them.
    ...[
      '0.0.0.1',
      '10.0.0.1',
      '100.64.0.1',
      '127.0.0.1',
      '169.254.1.1',
      '172.16.0.1',
      '172.31.9.9',
      '192.168.1.1',
      '224.0.0.1',
      '255.255.255.255',
    ].map((v4) => [`64:ff9b::${v4}`, '64:ff9b::/56']),
    ['::1', '::/56'],
    ['::', '::/56'],
    ['::ffff:0:10.0.0.1', '::/56'],
    // No translator, or one whose operator chose the place of the address.
    ['64:ff9b:0:0:1::808:808', '64:ff9b::/56'],
    ['64:ff9b:1::808:808', '64:ff9b:1::/56'],
    ['64:ff9c::808:808', '64:ff9c::/56'],
    ['::1:0:808:808', '::/56'],
    ['0:0:0:1:ffff:0:808:808', '::/56'],
    // Teredo and 6to4: the operator of a relay can choose the bytes.
    ['2001:0:4136:e378:8000:63bf:f7f7:f7f7', '2001:0:4136:e300::/56'],
    ['2002:808:808::1', '2002:808:808::/56'],
  ])('%s is %s', (text, expected) => {
    expect(addressSubject(text)).toBe(expected)
  })
  it('does not make a connection that of a trusted proxy', () => {
    const trust = trustOf(['8.8.8.8', 'private', 'loopback'])
    const blocks = 'blocks' in trust ? trust.blocks : []
    expect(['64:ff9b::808:808', '::8.8.8.8', '::ffff:0:10.0.0.1'].map((text) => isTrusted(text, blocks))).toEqual([false, false, false])
    expect(isTrusted('::ffff:8.8.8.8', blocks)).toBe(true)
  })
})

describe('addressSubject', () => {
  it('cuts IPv6 to the prefix, and is the same for what it returned', () => {
    expect(addressSubject('2001:db8:0:1ff::1')).toBe('2001:db8:0:100::/56')
    expect(addressSubject('2001:db8:0:1ff::1', 64)).toBe('2001:db8:0:1ff::/64')
    expect(addressSubject('2001:db8:0:100::/56')).toBe('2001:db8:0:100::/56')
    expect(addressSubject('[2001:db8::1]:443')).toBe('2001:db8::/56')
    expect(addressSubject('1.2.3.4:80')).toBe('1.2.3.4')
  })
  it.each(['', 'ann', '1.2.3', '01.2.3.4', undefined, 7])('is undefined for %j', (text) =>
    expect(addressSubject(text as never)).toBeUndefined(),
  )
  it('refuses a prefix out of range', () => expect(() => addressSubject('1.2.3.4', 65)).toThrow(/ipv6Prefix.*ERR_OPTION_INVALID/))
})
