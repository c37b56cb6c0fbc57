import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ALL_CODES } from './support/codes.ts'
import { ROOT } from './support/workspace.ts'

test('docs/errors.md has a section for every code, and for nothing else', () => {
  const page = readFileSync(join(ROOT, 'docs', 'errors.md'), 'utf8')
  const sections = [...page.matchAll(/^## `?((?:ERR|WARN|ANOMALY)_\w+)`?$/gm)].map(([, code]) => code)
  expect(new Set(sections)).toEqual(new Set(ALL_CODES))
})
