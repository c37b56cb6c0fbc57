import { createHash, createHmac } from 'node:crypto'
import { subjectHash } from '@sluice/core/store-kit'
import { expect, test } from 'vitest'
import { finish, initialState, roomFor, writeWords } from '../../src/hashing/sha256.ts'

const secret = 'a secret of sixteen or more'

test.each([0, 1, 54, 55, 56, 63, 64, 65, 119, 120, 1_000])('SHA-256 of %d bytes is that of Node', (length) => {
  const bytes = Uint8Array.from({ length: roomFor(length) }, (_, i) => (i * 37) & 0xff)
  const expected = createHash('sha256').update(bytes.subarray(0, length)).digest('hex')
  const state = initialState()
  finish(state, bytes, length, 0)
  writeWords(state, bytes)
  expect(Buffer.from(bytes.subarray(0, 32)).toString('hex')).toBe(expected)
})

test.each([
  ['an id', secret, 'user:42'],
  ['no text', secret, ''],
  ['letters beyond ASCII', secret, 'naïve 用户 🦑'],
  ['a long subject', secret, 'x'.repeat(10_000)],
  ['the longest subject with room kept for it', secret, '用'.repeat(512)],
  ['half of a pair of surrogates', secret, 'a\uD800'],
  ['a secret of one block', 'k'.repeat(64), 'user:42'],
  ['a secret above one block', 'é'.repeat(64), 'user:42'],
])('the hash of %s is half of the HMAC of Node', (_, key, subject) => {
  expect(subjectHash(key)(subject)).toBe(createHmac('sha256', key).update(subject).digest('hex').slice(0, 32))
})

test('the same function serves any number of subjects', () => {
  const hash = subjectHash(secret)
  const [one, two] = [hash('one'), hash('two')]
  expect([hash('one'), hash('two')]).toEqual([one, two])
  expect(one).not.toBe(two)
  expect(subjectHash('another secret of sixteen')('one')).not.toBe(one)
})
