// docs/security.md says which test shows what: each of them is there, under that name.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ROOT } from './support/workspace.ts'

const page = readFileSync(join(ROOT, 'docs', 'security.md'), 'utf8')
const FILE = /`((?:packages|test-e2e)\/[\w./-]+\.ts)`/g

/** Each quoted title, with the file that was named last before it. */
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

test('tests are cited', () => expect(cited.length).toBeGreaterThan(12))
test.each(cited)('%s has %s', (file, title) => {
  expect(readFileSync(join(ROOT, file), 'utf8')).toContain(title)
})
test.each([...page.matchAll(FILE)].map(([, file]) => [file!]))('%s is there', (file) => {
  expect(existsSync(join(ROOT, file))).toBe(true)
})
