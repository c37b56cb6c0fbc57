import { durableObjectStore } from '@sluice/cloudflare'
import { expect, test } from 'vitest'
import { answering } from './fake-namespace.ts'

const namespace = answering(200, '[]')

test.each([
  ['the string "x"', () => durableObjectStore('x' as never)],
  ['undefined', () => durableObjectStore(undefined as never)],
  ['name', () => durableObjectStore(namespace, { name: '' })],
  ['name', () => durableObjectStore(namespace, { name: 'a/b' })],
  ['objects', () => durableObjectStore(namespace, { objects: 3 })],
  ['objects', () => durableObjectStore(namespace, { objects: 0 })],
  ['objects', () => durableObjectStore(namespace, { objects: 8_192 })],
  ['objects', () => durableObjectStore(namespace, { objects: '64' as never })],
  ['locationHint', () => durableObjectStore(namespace, { locationHint: 'Western Europe' })],
  ['clock', () => durableObjectStore(namespace, { clock: {} as never })],
])('an invalid argument is refused: %s', (expected, make) => {
  expect(make).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID', message: expect.stringContaining(expected) as string }))
})

test("a peer's option is refused, naming ours", () => {
  expect(() => durableObjectStore(namespace, { prefix: 'a' } as never)).toThrow(/"prefix" is not an option; use name/)
})
