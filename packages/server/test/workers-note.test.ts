import { expect, test } from 'vitest'
import { workersNote } from '../src/run/workers-note.ts'

const redis = { url: 'redis://localhost:6379' }

test.each([
  [{ redis }, undefined],
  [{ redis, blocks: {} }, undefined],
  [{}, 'workers: each has the whole of every limit of its own'],
  [{ blocks: {} }, 'workers: each has the whole of every limit and a block list of its own'],
  [{ redis, blocks: {}, admin: { enabled: true } }, 'workers: each has live figures and recorded requests of its own'],
  [
    { redis, admin: { tokens: [{ name: 'a', sha256: 'b', scopes: ['read:*'] }] } },
    'workers: each has blocks by hand, live figures and recorded requests of its own; with a section blocks, blocks are shared over Redis',
  ],
])('the start says what the workers of %j do not share', (config, expected) => {
  expect(workersNote(config)).toBe(expected)
})
