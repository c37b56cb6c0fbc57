import * as fc from 'fast-check'
import { parseItem } from 'structured-headers'
import { describe, expect, it } from 'vitest'
import { isSluiceError } from '../../../src/errors.ts'
import { LARGEST_INTEGER, sfBytes, sfInteger, sfString } from '../../../src/http/headers/structured.ts'

describe('String', () => {
  it.each([
    ['minute', '"minute"'],
    ['', '""'],
    ['a "b" c', String.raw`"a \"b\" c"`],
    ['back\\slash', String.raw`"back\\slash"`],
    [' ~', '" ~"'],
  ])('%j is %s', (text, expected) => {
    expect(sfString(text)).toBe(expected)
  })

  it.each(['é', 'a\n', '\u007f', '\0', '\ud800', '日'])('refuses %j, which has no form', (text) => {
    let thrown: unknown
    try {
      sfString(text)
    } catch (error) {
      thrown = error
    }
    expect(isSluiceError(thrown) && thrown.code).toBe('ERR_NAME_INVALID')
  })

  it('is read back by a parser that is not ours', () => {
    const ascii = fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)) })
    fc.assert(
      fc.property(ascii, (text) => {
        expect(parseItem(sfString(text))[0]).toBe(text)
      }),
    )
  })
})

describe('Integer', () => {
  it.each([
    [0, '0'],
    [-0, '0'],
    [42, '42'],
    [1.9, '1'],
    [-1.1, '-2'],
    [1e15, '999999999999999'],
    [-1e15, '-999999999999999'],
    [Infinity, '999999999999999'],
    [-Infinity, '-999999999999999'],
    [Number.NaN, '0'],
  ])('%d is %s', (value, expected) => {
    expect(sfInteger(value)).toBe(expected)
  })

  it('is read back by a parser that is not ours', () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        const read = parseItem(sfInteger(value))[0] as number
        expect(Number.isInteger(read) && Math.abs(read) <= LARGEST_INTEGER).toBe(true)
        const whole = Number.isNaN(value) ? 0 : Math.max(-LARGEST_INTEGER, Math.min(LARGEST_INTEGER, Math.floor(value)))
        expect(read === whole).toBe(true)
      }),
    )
  })
})

describe('Byte Sequence', () => {
  it.each([
    [[], '::'],
    [[0], ':AA==:'],
    [[255, 254], '://4=:'],
    [[251, 255, 191], ':+/+/:'],
    [[1, 2, 3, 4], ':AQIDBA==:'],
  ])('%j is %s', (bytes, expected) => {
    expect(sfBytes(Uint8Array.from(bytes))).toBe(expected)
  })

  it('is read back by a parser that is not ours', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect([...new Uint8Array(parseItem(sfBytes(bytes))[0] as ArrayBuffer)]).toEqual([...bytes])
        expect(sfBytes(bytes)).toBe(`:${Buffer.from(bytes).toString('base64')}:`)
      }),
    )
  })
})
