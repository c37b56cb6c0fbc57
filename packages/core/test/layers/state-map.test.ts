import { fixedWindow, type Limit } from '@sluice/core'
import { describe, expect, test } from 'vitest'
import { stateHash, type StateId, StateMap } from '../../src/layers/state-map.ts'

const MINUTE = fixedWindow({ name: 'a', limit: 10, window: '1m' }).limit
const HOUR = fixedWindow({ name: 'a', limit: 10, window: '1h' }).limit
const id = (subject: string, limit: Limit = MINUTE, scope = 'p+a.fixedWindow'): StateId => ({ scope, limit, subject })

describe('a state is named by', () => {
  test.each([
    ['its scope', id('s', MINUTE, 'q+a.fixedWindow')],
    ['its window variant', id('s', HOUR)],
    ['its subject', id('t')],
  ])('%s', (_, other) => {
    const map = new StateMap<number>(10)
    map.set(id('s'), 1)
    expect(map.get(other)).toBeUndefined()
    map.set(other, 2)
    expect([map.get(id('s')), map.get(other), map.size]).toEqual([1, 2, 2])
  })

  test('not by the numbers of its limit', () => {
    const map = new StateMap<number>(10)
    map.set(id('s'), 1)
    expect(map.get(id('s', Object.freeze({ ...MINUTE, limit: 99 })))).toBe(1)
  })
})

test('the entry that was set longest ago is removed first', () => {
  const map = new StateMap<number>(3)
  for (const [i, subject] of ['a', 'b', 'c'].entries()) map.set(id(subject, i === 1 ? HOUR : MINUTE), i)
  map.set(id('a'), 3)
  map.set(id('d'), 4)
  expect([...map.values()]).toEqual([2, 3, 4])
  expect([map.takeOldest(), map.takeOldest(), map.takeOldest(), map.takeOldest()]).toEqual([2, 3, 4, undefined])
  expect(map.size).toBe(0)
})

test('take removes one entry, wherever it is', () => {
  for (const gone of ['a', 'b', 'c']) {
    const map = new StateMap<string>(10)
    for (const subject of ['a', 'b', 'c']) map.set(id(subject), subject)
    expect([map.take(id(gone)), map.take(id(gone)), map.size]).toEqual([gone, undefined, 2])
    expect([...map.values()]).toEqual(['a', 'b', 'c'].filter((subject) => subject !== gone))
    map.set(id(gone), gone)
    expect([...map.values()].at(-1)).toBe(gone)
  }
})

test('the entry that was just yielded may be removed', () => {
  const map = new StateMap<string>(10)
  for (const subject of ['a', 'b', 'c']) map.set(id(subject), subject)
  const seen: string[] = []
  for (const subject of map.values()) {
    seen.push(subject)
    map.take(id(subject))
  }
  expect([seen, map.size]).toEqual([['a', 'b', 'c'], 0])
})

test('a random history agrees with a list', () => {
  let state = 1
  const random = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  const map = new StateMap<number>(8)
  let list: { readonly name: string; readonly value: number }[] = []
  for (let value = 0; value < 5_000; value++) {
    const [scope, limit, subject] = [`p${random(2)}`, random(2) === 0 ? MINUTE : HOUR, `s${random(4)}`] as const
    const name = `${scope} ${limit.window} ${subject}`
    const known = list.find((one) => one.name === name)
    const isTaken = random(3) === 0
    expect(isTaken ? map.take(id(subject, limit, scope)) : map.get(id(subject, limit, scope))).toBe(known?.value)
    if (!isTaken) map.set(id(subject, limit, scope), value)
    list = [...list.filter((one) => one !== known), ...(isTaken ? [] : [{ name, value }])].slice(-8)
    expect([...map.values()]).toEqual(list.map((one) => one.value))
    expect(map.size).toBe(list.length)
  }
})

test('long subjects are held as a digest, and are found again', () => {
  const map = new StateMap<number>(10)
  const long = 'x'.repeat(10_000)
  map.set(id(`${long}1`), 1)
  map.set(id(`${long}2`), 2)
  expect([map.get(id(`${long}1`)), map.get(id(`${long}2`)), map.get(id(`${long}3`))]).toEqual([1, 2, undefined])
})

test('a hash is 32 bits of scope and subject', () => {
  expect(stateHash(id('s'))).toBe(stateHash(id('s', HOUR)))
  expect(stateHash(id('s'))).not.toBe(stateHash(id('t')))
  expect(stateHash(id('s'))).not.toBe(stateHash(id('s', MINUTE, 'q')))
})
