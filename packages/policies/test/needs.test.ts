import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseDocument, runTests } from '../src/index.ts'

const NEEDS = readFileSync(join(import.meta.dirname, 'samples/needs.yaml'), 'utf8')

test('ten needs: each test of the document passes', () => {
  const results = runTests(parseDocument(NEEDS, { source: 'needs.yaml' }))
  expect(results).toHaveLength(5)
  expect(results.filter(({ failures }) => failures.length > 0)).toEqual([])
})

test.each([
  ['at: 6', 'at: 5', 'at: expected 5, got 6'],
  ['refusedBy: graphql.orders', 'refusedBy: graphql.points', 'refusedBy: expected graphql.points, got graphql.orders'],
  ['limited: false', 'limited: true', 'limited: expected true, got false'],
  ['retryAfter: 9000', 'retryAfter: 60', 'retryAfter: expected 60, got 9000'],
  ['status: 503, retryAfter', 'status: 429, retryAfter', 'status: expected 429, got 503'],
  ['times: 11', 'times: 10', 'refusedBy: expected graphql.orders, got none'],
])('a test that expects %s as %s fails', (before, after, failure) => {
  const results = runTests(parseDocument(NEEDS.replace(before, after)))
  expect(results.flatMap(({ failures }) => failures)).toEqual([failure])
})
