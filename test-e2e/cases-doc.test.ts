// docs/cases.md: the cases of each list are in the order of their numbers, and the tests that a row names exist.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ROOT } from './support/workspace.ts'

interface Row {
  /** `F03`, `Pb`, `newcomer 5` */
  readonly name: string
  readonly files: readonly string[]
  /** Titles of tests that the row quotes, up to an ellipsis. */
  readonly titles: readonly string[]
}

const FILE = /`([\w./{},*-]+\/[\w./{},*-]+\.ts)`/g
const [, ...lists] = readFileSync(join(ROOT, 'docs', 'cases.md'), 'utf8').split(/^## /m)

const rowsOf = (list: string): readonly Row[] =>
  Array.from(list.matchAll(/^\| ((?:newcomer )?[A-Z]?[a-z\d]{1,2})(?: [^|]*)? \| .* \| (.*) \|$/gm), ([, name = '', heldBy = '']) => ({
    name,
    files: Array.from(heldBy.matchAll(FILE), ([, path = '']) => path),
    titles: Array.from(heldBy.matchAll(/"([^"]+)"/g), ([, title = '']) => title.replace(/ ?…$/, '')),
  }))
const rows = lists.flatMap(rowsOf)

test.each(lists.map((list) => [list.split('\n', 1)[0]!, list]))('%s: in order', (_, list) => {
  const names = rowsOf(list).map(({ name }) => name)
  expect(names.length).toBeGreaterThan(10)
  expect(names).toHaveLength(list.match(/^\| (?!case)/gm)!.length)
  for (const letter of new Set(names.map((name) => name.replace(/\d+$/, '')))) {
    const numbers = names.filter((name) => name.replace(/\d+$/, '') === letter).map((name) => Number(/\d*$/.exec(name)![0]))
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
  }
})

describe('the tests of a case exist', () => {
  test.each(rows.filter(({ files }) => files.length > 0))('$name', ({ files, titles }) => {
    const found = files.map((file) => globSync(file, { cwd: ROOT }))
    expect(files.filter((_, i) => found[i]!.length === 0)).toEqual([])
    const text = found.flatMap((paths) => paths.map((path) => readFileSync(join(ROOT, path), 'utf8'))).join('\n')
    expect(titles.filter((title) => !text.includes(title))).toEqual([])
  })
})
