import * as fc from 'fast-check'
import { BlockList, isIP } from 'node:net'
import { describe, expect, it } from 'vitest'
import { canonicalAddress, formatAddress, inCidr, isPlainIPv4, parseAddress, parseCidr, plainIPv4 } from '../../src/identity/address.ts'
import { detach } from '../../src/detach.ts'
import { canonicalizer, passingCanonicalizer } from '../../src/identity/canonical.ts'

const v4Bytes = fc.uint8Array({ minLength: 4, maxLength: 4 })
// Zero bytes are common in real IPv6 addresses, and rare in random ones.
const v6Byte = fc.oneof(fc.constant(0), fc.constant(255), fc.nat(255))
const v6Bytes = fc
  .array(v6Byte, { minLength: 16, maxLength: 16 })
  .map((bytes) => Uint8Array.from(bytes))
  .filter((bytes) => !(bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255))
const text = (address: string) => {
  const bytes = parseAddress(address)
  return bytes === undefined ? undefined : formatAddress(bytes)
}

describe('parseAddress', () => {
  it.each([
    ['1.2.3.4', '1.2.3.4'],
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['1.2.3.4:5678', '1.2.3.4'],
    ['1.2.3.4:0', '1.2.3.4'],
    ['1.2.3.4:_hidden', '1.2.3.4'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['::1.2.3.4', '::102:304'],
    ['64:ff9b::1.2.3.4', '64:ff9b::102:304'],
    ['1:2:3:4:5:6:1.2.3.4', '1:2:3:4:5:6:102:304'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
    ['2001:0DB8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['fe80::1%25eth0', 'fe80::1'],
    ['[fe80::1%eth0]:80', 'fe80::1'],
    ['[::1]', '::1'],
    ['[::1]:80', '::1'],
    ['[::1]:_p', '::1'],
    ['[::ffff:1.2.3.4]:80', '1.2.3.4'],
  ])('%s is %s', (given, expected) => {
    expect(text(given)).toBe(expected)
  })

  it.each([
    '',
    ' ',
    '1',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.',
    '.1.2.3',
    '1..2.3',
    '1.2.3.256',
    '1.2.3.-4',
    '1.2.3.4 ',
    ' 1.2.3.4',
    '1.2.3.4\0',
    '0x1.2.3.4',
    '010.0.0.1',
    '1.2.3.00',
    '1.2.3.0004',
    '16909060',
    '1.2.3.4%eth0',
    '1.2.3.4:',
    '1.2.3.4:_',
    '1.2.3.4:65536',
    '1.2.3.4:080',
    '1.2.3.4:8o',
    '[1.2.3.4]',
    '1.2.3.4/8',
    ':',
    ':::',
    '1',
    '1:2',
    ':1',
    '1:',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '::1:2:3:4:5:6:7:8',
    '1::2::3',
    '1:::2',
    '12345::',
    '::g',
    '::1%',
    '%eth0',
    '::1.2.3',
    '::1.2.3.4.5',
    '::01.2.3.4',
    '1.2.3.4::',
    '::1.2.3.4:5',
    '1:2:3:4:5:6:7:1.2.3.4',
    '::1:2:3:4:5:6:7:1.2.3.4',
    '1::3:4:5:6:7:8:1.2.3.4',
    '::1:2:3:4:5:6:1.2.3.4',
    '1.2.3.4444444444',
    '::256.1.1.1',
    '::ffff:1.2.3.4:80',
    '[',
    ']',
    '[]',
    '[::1',
    '[::1]x',
    '[::1]:',
    '[::1]:65536',
    '[::1]80',
    '::1]',
    '[[::1]]',
    '[::1%]:80',
    'unknown',
    '_hidden',
    'localhost',
    '١.٢.٣.٤',
    '１.2.3.4',
    '::１',
  ])('%j is no address', (given) => {
    expect(parseAddress(given)).toBeUndefined()
  })

  it.each([
    '::ffff:1.2.3.4',
    '::FFFF:1.2.3.4',
    '::ffff:0102:0304',
    '::ffff:102:304',
    '0:0:0:0:0:ffff:1.2.3.4',
    '0:0:0:0:0:ffff:102:304',
    '0000:0000:0000:0000:0000:ffff:0102:0304',
    '0::ffff:1.2.3.4',
    '::0:ffff:1.2.3.4',
    '[::ffff:1.2.3.4]',
    '[::ffff:102:304]:443',
    '::ffff:1.2.3.4%eth0',
    '0:0::0:ffff:102:304',
    '1.2.3.4:443',
  ])('trap: ::ffff: addresses share one bucket, or escape theirs: %s is 1.2.3.4', (given) => {
    expect(parseAddress(given)).toEqual(Uint8Array.of(1, 2, 3, 4))
    expect(canonicalizer()(given)).toBe('1.2.3.4')
  })

  it('trap: IPv4-mapped addresses do not share one subject', () => {
    const canonical = canonicalizer()
    expect(canonical('::ffff:1.2.3.4')).not.toBe(canonical('::ffff:1.2.3.5'))
    // Looks like it, and is not.
    expect(text('::ffff:0:1.2.3.4')).toBe('::ffff:0:102:304')
    expect(text('::1:ffff:1.2.3.4')).toBe('::1:ffff:102:304')
  })

  it('agrees with node:net about addresses without a port', () => {
    const alphabet = fc.constantFrom(...'0123456789abcdefF:.:.:.::'.split(''))
    const near = fc.oneof(
      fc.array(alphabet, { maxLength: 24 }).map((chars) => chars.join('')),
      fc
        .array(
          fc.oneof(
            fc.nat(0x1_0100).map((n) => n.toString(16)),
            fc.constant(''),
            fc.constant('1.2.3.4'),
          ),
          { minLength: 1, maxLength: 9 },
        )
        .map((groups) => groups.join(':')),
      fc.array(fc.nat(300), { minLength: 3, maxLength: 5 }).map((octets) => octets.join('.')),
    )
    fc.assert(
      fc.property(near, (given) => {
        // What looks like a port is ours.
        fc.pre(given.split(':').length !== 2 || !given.includes('.'))
        expect([given, parseAddress(given) !== undefined]).toEqual([given, isIP(given) !== 0])
      }),
      { numRuns: 20_000 },
    )
  })

  it('never throws', () => {
    const anything = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.string({ maxLength: 60 }),
      fc.array(fc.constantFrom(...':.%[]/,0f1'.split('')), { maxLength: 60 }).map((chars) => chars.join('')),
    )
    const canonical = canonicalizer()
    fc.assert(
      fc.property(anything, (given) => {
        const bytes = parseAddress(given)
        expect(bytes === undefined || bytes.length === 4 || bytes.length === 16).toBe(true)
        parseCidr(given)
        canonical(given)
        expect(plainIPv4(given)).toBe(isPlainIPv4(given) ? given : undefined)
      }),
      { numRuns: 10_000 },
    )
  })

  it('takes linear time', () => {
    for (const unit of ['1', ':', '::', '1:', '.', '1.', '[', '%', '0']) expect(parseAddress(unit.repeat(1_000_000))).toBeUndefined()
  })
})

describe('formatAddress', () => {
  it('writes text that parses to the same bytes, and that node:net accepts', () => {
    fc.assert(
      fc.property(fc.oneof(v4Bytes, v6Bytes), (bytes) => {
        const formatted = formatAddress(bytes)
        expect(parseAddress(formatted)).toEqual(bytes)
        expect(isIP(formatted)).toBe(bytes.length === 4 ? 4 : 6)
        expect(plainIPv4(formatted)).toBe(bytes.length === 4 ? formatted : undefined)
      }),
      { numRuns: 5_000 },
    )
  })

  it('writes IPv6 as the URL standard does', () => {
    fc.assert(
      fc.property(v6Bytes, (bytes) => {
        expect(`[${formatAddress(bytes)}]`).toBe(new URL(`http://[${formatAddress(bytes)}]/`).hostname)
      }),
      { numRuns: 5_000 },
    )
  })

  it.each([
    ['0:0:0:0:0:0:0:0', '::'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['1:0:0:2:0:0:3:4', '1::2:0:0:3:4'],
    ['0:1:0:0:0:0:0:0', '0:1::'],
    ['0:0:1:0:0:0:0:0', '0:0:1::'],
    ['1:0:2:0:3:0:4:0', '1:0:2:0:3:0:4:0'],
  ])('RFC 5952: %s is %s', (given, expected) => {
    expect(text(given)).toBe(expected)
  })
})

describe('canonicalAddress', () => {
  it.each([
    ['1.2.3.4', 56, '1.2.3.4'],
    ['2001:db8:0:1ff:1:2:3:4', 56, '2001:db8:0:100::/56'],
    ['2001:db8:0:1ff:1:2:3:4', 64, '2001:db8:0:1ff::/64'],
    ['2001:db8:0:1ff:1:2:3:4', 63, '2001:db8:0:1fe::/63'],
    ['2001:db8:0:1ff:1:2:3:4', 48, '2001:db8::/48'],
    ['2001:db8:ffff::1', 32, '2001:db8::/32'],
    ['2001:db8:ffff::1', 33, '2001:db8:8000::/33'],
    ['::1', 56, '::/56'],
  ])('%s with /%i is %s', (given, prefix, expected) => {
    expect(canonicalAddress(parseAddress(given) ?? new Uint8Array(), prefix)).toBe(expected)
    expect(canonicalizer(prefix)(given)).toBe(expected)
  })

  it('trap: a client that changes its address within a /64 stays one subject', () => {
    const canonical = canonicalizer()
    fc.assert(
      fc.property(v6Bytes, v6Bytes, fc.integer({ min: 32, max: 64 }), (home, roam, prefix) => {
        const walked = home.map((byte, i) => (i < 8 ? byte : (roam[i] ?? 0)))
        expect(canonical(formatAddress(walked)) ?? '').toBe(canonical(formatAddress(home)))
        const same = inCidr(roam, { address: parseCidr(canonicalAddress(home, prefix))?.address ?? home, bits: prefix })
        expect(canonicalAddress(roam, prefix) === canonicalAddress(home, prefix)).toBe(same)
      }),
    )
  })

  it('does not modify its argument', () => {
    const bytes = new Uint8Array(16).fill(255)
    canonicalAddress(bytes, 32)
    expect(bytes).toEqual(new Uint8Array(16).fill(255))
  })
})

describe('passingCanonicalizer', () => {
  it('writes what canonicalizer writes, in any order and twice', () => {
    const texts = ['1.2.3.4', '1.2.3.4:80', '::ffff:1.2.3.4', '2001:db8:0:1ff::1', '2001:db8:0:100::/56', 'ann', '', '01.2.3.4']
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...texts)), (given) => {
        const passing = passingCanonicalizer()
        const remembering = canonicalizer()
        for (const text of given) {
          const canonical = remembering(text)
          expect(passing(text)).toBe(canonical)
          // Limits ask for what was written as well.
          expect(canonical && passing(canonical)).toBe(canonical)
        }
      }),
    )
  })
})

describe('canonicalizer', () => {
  it('accepts its own results', () => {
    fc.assert(
      fc.property(fc.oneof(v4Bytes, v6Bytes), fc.integer({ min: 32, max: 64 }), (bytes, prefix) => {
        const canonical = canonicalizer(prefix)
        const once = canonical(formatAddress(bytes)) ?? ''
        expect(canonical(once)).toBe(once)
      }),
    )
    expect(canonicalizer(56)('2001:db8::/48')).toBeUndefined()
    expect(canonicalizer(56)('1.2.3.4/56')).toBeUndefined()
  })

  it('returns the right text after its memory was full', () => {
    const canonical = canonicalizer(64)
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 2_500; i++)
        expect(canonical(`2001:db8:0:${i.toString(16)}::${i.toString(16)}`)).toBe(`2001:db8${i === 0 ? '' : `:0:${i.toString(16)}`}::/64`)
    }
  })

  it.each([31, 65, 56.5, Number.NaN, '56', null])('refuses a prefix of %j', (prefix) => {
    expect(() => canonicalizer(prefix as never)).toThrow(
      /ipv6Prefix: expected a whole number of bits from 32 to 64, got .*ERR_OPTION_INVALID/,
    )
  })

  it('detach() returns an equal text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (given) => {
        expect(detach(given)).toBe(given)
      }),
    )
    expect(detach('\ud800"\\')).toBe('\ud800"\\')
  })
})

describe('parseCidr', () => {
  it.each([
    ['10.0.0.0/8', '10.0.0.0', 8],
    ['10.1.2.3/8', '10.0.0.0', 8],
    ['1.2.3.4', '1.2.3.4', 32],
    ['0.0.0.0/0', '0.0.0.0', 0],
    ['2001:db8::/32', '2001:db8::', 32],
    ['2001:db8:ffff::1/33', '2001:db8:8000::', 33],
    ['::1', '::1', 128],
    ['::/0', '::', 0],
    ['::ffff:10.0.0.0/104', '10.0.0.0', 8],
    ['::ffff:1.2.3.4', '1.2.3.4', 32],
    ['::ffff:0:0/96', '0.0.0.0', 0],
  ])('%s is %s/%i', (given, address, bits) => {
    expect(parseCidr(given)).toEqual({ address: parseAddress(address), bits })
  })

  it.each([
    '',
    '/',
    '/8',
    '10.0.0.0/',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/08',
    '10.0.0.0/8.0',
    '10.0.0.0/ 8',
    '10.0.0.0/8/8',
    '10.0.0.0/255.0.0.0',
    '10.0.0/8',
    '1.2.3.4:80',
    '[::1]',
    '[::1]/128',
    '::/129',
    '::ffff:0:0/95',
    '::ffff:1.2.3.4/24',
    'loopback',
  ])('%j is no block', (given) => {
    expect(parseCidr(given)).toBeUndefined()
  })

  it('agrees with node:net about the addresses of a block', () => {
    const near = fc.tuple(
      fc.oneof(fc.tuple(v4Bytes, fc.nat(32)), fc.tuple(v6Bytes, fc.nat(128))),
      fc.nat(127),
      fc.oneof(v4Bytes, v6Bytes),
      fc.boolean(),
    )
    fc.assert(
      fc.property(near, ([[network, bits], flip, other, close]) => {
        // Half of the time an address that differs from the network in one bit, so that both answers come up.
        const address = close ? network.map((byte, i) => (i === (flip >> 3) % network.length ? byte ^ (1 << (flip & 7)) : byte)) : other
        const cidr = parseCidr(`${formatAddress(network)}/${bits}`)
        fc.pre(parseAddress(formatAddress(address))?.length === address.length)
        const list = new BlockList()
        list.addSubnet(formatAddress(network), bits, network.length === 4 ? 'ipv4' : 'ipv6')
        if (cidr === undefined) throw new Error('no block')
        const expected = address.length === network.length && list.check(formatAddress(address), address.length === 4 ? 'ipv4' : 'ipv6')
        expect(inCidr(address, cidr)).toBe(expected)
      }),
      { numRuns: 5_000 },
    )
  })

  it('finds no IPv4 address in an IPv6 block, and no IPv6 address in an IPv4 block', () => {
    const all4 = parseCidr('0.0.0.0/0')
    const all6 = parseCidr('::/0')
    if (all4 === undefined || all6 === undefined) throw new Error('no block')
    expect(inCidr(Uint8Array.of(1, 2, 3, 4), all6)).toBe(false)
    expect(inCidr(new Uint8Array(16), all4)).toBe(false)
    expect(inCidr(new Uint8Array(16), all6)).toBe(true)
  })
})
