import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { inCidr, parseAddress, parseCidr } from '../../src/identity/address.ts'
import { matchesAddress } from '../../src/identity/matches-address.ts'

describe('matchesAddress', () => {
  it.each([
    ['10.0.0.0/8', ['10.1.2.3', '::ffff:10.1.2.3', '10.1.2.3:80'], ['11.0.0.1', '64:ff9b::10.1.2.3', '::10.1.2.3']],
    ['198.51.100.7', ['198.51.100.7', '64:ff9b::198.51.100.7'], ['198.51.100.8']],
    ['2001:db8:5:ff::/64', ['2001:db8:5:ff::1', '[2001:DB8:5:ff:1::]:443'], ['2001:db8:5:fe::1', '1.2.3.4']],
    ['loopback', ['127.9.9.9', '::1'], ['128.0.0.1', '::2', '::127.0.0.1']],
    ['private', ['192.168.1.1', 'fd00::1'], ['192.169.1.1']],
  ])('%s', (block, listed, others) => {
    const list = matchesAddress([block])
    // Twice: the second answer is remembered.
    for (const address of [...listed, ...listed]) expect(list.matches(address), address).toBe(true)
    for (const address of [...others, ...others]) expect(list.matches(address), address).toBe(false)
  })
  it.each([undefined, '', 'ann', '10.1.2', 10, {}])('does not match %j', (address) => {
    expect(matchesAddress(['0.0.0.0/0', '::/0']).matches(address as never)).toBe(false)
  })
  it('an address is listed if it is in one of the blocks, however they overlap', () => {
    const byte = fc.constantFrom(0, 1, 2, 127, 128, 254, 255)
    const address = fc.tuple(byte, byte, byte, byte).map((bytes) => bytes.join('.'))
    const block = fc.tuple(address, fc.constantFrom(0, 1, 7, 8, 9, 16, 23, 24, 30, 31, 32)).map(([text, bits]) => `${text}/${bits}`)
    const both = fc.constantFrom('::/0', '::ffff:0:0/96', '2001:db8::/32')
    fc.assert(
      fc.property(fc.array(fc.oneof({ weight: 9, arbitrary: block }, both), { minLength: 1, maxLength: 8 }), address, (blocks, text) => {
        const bytes = parseAddress(text) as Uint8Array
        const isInOne = blocks.some((each) => inCidr(bytes, parseCidr(each) as never))
        expect(matchesAddress(blocks).matches(text)).toBe(isInOne)
      }),
      { numRuns: 2_000 },
    )
  })
  it('remembers a bounded number of addresses', () => {
    const list = matchesAddress(['10.0.0.0/16'])
    for (let i = 0; i < 5_000; i++) expect(list.matches(`10.${i >> 8}.${i & 255}.1`)).toBe(i < 256)
    expect(list.matches(`10.0.0.1%${'x'.repeat(10_000)}`)).toBe(false)
  })
  it.each([undefined, [], 'loopback', [''], ['10.0.0.0/33'], ['example.com'], [7], ['10.0.0.0/8', null]])('refuses %j', (list) => {
    expect(() => matchesAddress(list as never)).toThrow(/matchesAddress(\[\d\])?: expected .*ERR_OPTION_INVALID/)
  })
})
