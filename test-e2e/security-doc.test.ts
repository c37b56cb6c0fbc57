// docs/security.md cites tests as evidence: every cited test exists, with that title.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ROOT } from './support/workspace.ts'

const page = readFileSync(join(ROOT, 'docs', 'security.md'), 'utf8')
const FILE = /`((?:packages|test-e2e)\/[\w./-]+\.ts)`/g

/** Each quoted title, with the last file named before it. */
const cited = page
  .split('\n- Shown by ')
  .slice(1)
  .flatMap((rest) => {
    const text = (rest.split(/\n(?:- |\n)/)[0] ?? '').replaceAll(/\n\s*/g, ' ')
    const files = [...text.matchAll(FILE)]
    return [...text.matchAll(/"([^"]+)"/g)].map(
      ({ 1: title, index }) => [files.findLast((file) => file.index < index)?.[1] ?? 'none', title!] as const,
    )
  })

test('citations are found', () => expect(cited.length).toBeGreaterThan(12))
test.each(cited)('%s has the test %s', (file, title) => {
  expect(readFileSync(join(ROOT, file), 'utf8')).toContain(title)
})
test.each([...page.matchAll(FILE)].map(([, file]) => [file!]))('%s exists', (file) => {
  expect(existsSync(join(ROOT, file))).toBe(true)
})
