import { expect, test } from 'vitest'
import { plainItem } from '../src/plain-value.ts'

test('every type of DynamoDB', () => {
  const item = {
    text: { S: 'a' },
    number: { N: '1.5' },
    whole: { N: '9007199254740991' },
    large: { N: '9007199254740993' },
    yes: { BOOL: true },
    nothing: { NULL: true },
    texts: { SS: ['a', 'b'] },
    numbers: { NS: ['1', '2'] },
    list: { L: [{ S: 'a' }, { N: '1' }] },
    map: { M: { __proto__x: { N: '1' } } },
    bytes: { B: new Uint8Array(1) },
  }
  expect(plainItem(item)).toEqual({
    text: 'a',
    number: 1.5,
    whole: 9_007_199_254_740_991,
    large: '9007199254740993',
    yes: true,
    nothing: null,
    texts: ['a', 'b'],
    numbers: [1, 2],
    list: ['a', 1],
    map: { __proto__x: 1 },
    bytes: undefined,
  })
})
