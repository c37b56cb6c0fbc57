import { expect, test } from 'vitest'
import { withRevision } from '../editor/revision.ts'

test.each([
  ['namespace: shop\nrevision: 12 # as published\npolicies: []', 'namespace: shop\nrevision: 13 # as published\npolicies: []'],
  ['{\n  "revision": 12,\n  "policies": []\n}', '{\n  "revision": 13,\n  "policies": []\n}'],
  ['{"namespace":"shop","revision":12}', '{"namespace":"shop","revision":13}'],
  ['description: revision 12\nrevision: 12', 'description: revision 12\nrevision: 13'],
])('%j', (text, expected) => {
  expect(withRevision(text, 13)).toBe(expected)
})
