// The tables of docs/migration, and the one of docs/options.md, agree with the error messages for each option.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isSluiceError } from '@sluice/core'
import { createPipeline } from '@sluice/core/adapter-kit'
import { describe, expect, test } from 'vitest'
import { ROOT } from './support/workspace.ts'

const FOLDER = join(ROOT, 'docs', 'migration')
// Options that only adapters have.
const OF_ADAPTERS = ['global', 'hook']

/** The rows of the first table with such a head under a heading: an option of the other limiter, and the cell with ours. */
function rowsOf(file: string, heading: string, head: string): (readonly [theirs: string, ours: string])[] {
  const [, section = ''] = readFileSync(file, 'utf8').split(`\n## ${heading}\n`)
  const [table = ''] = section
    .trim()
    .split('\n\n')
    .filter((part) => part.startsWith(head))
  return table
    .split('\n')
    .slice(2)
    .flatMap((row) => {
      const [, theirs = '', ours = ''] = row.split('|')
      return [...theirs.matchAll(/`(\w+)`/g)].map(([, name]) => [name!, ours.trim()] as const)
    })
}

/** The advice for an unknown option: `''` where there is none; `undefined` for an option of ours. */
function adviceFor(option: string): string | undefined {
  if (OF_ADAPTERS.includes(option)) return undefined
  try {
    // No request is sent, so the host is never called.
    createPipeline({} as never, { [option]: undefined })
  } catch (error) {
    if (!isSluiceError(error) || error.code !== 'ERR_OPTION_UNKNOWN') throw error
    return /; use (.*) \(ERR_OPTION_UNKNOWN/.exec(error.message)?.[1] ?? ''
  }
  return undefined
}

/** Why a row is wrong, if it is. */
function complaint(theirs: string, ours: string): string | undefined {
  const use = adviceFor(theirs)
  const named = [...ours.matchAll(/`(?:limiter\.)?(\w+)(?:\(\))?`/g)].map(([, name]) => name!)
  if (use === undefined) return named.includes(theirs) ? undefined : 'it is an option of ours'
  if (ours === '–') return use === '' ? undefined : `the limiter says to use ${use}`
  return use.split(/\W+/).some((word) => named.includes(word)) ? undefined : `the limiter says to use ${use || 'nothing'}`
}

const PAGES = readdirSync(FOLDER).filter((file) => file !== 'README.md')

const optionsOf = (page: string) => rowsOf(join(FOLDER, page), 'Options', '| theirs | ours |')

// One page has programs instead of a table.
const TABLES = PAGES.filter((page) => optionsOf(page).length > 0)

test('the tables are found', () => expect(TABLES.length).toBeGreaterThanOrEqual(5))

describe.each(TABLES)('docs/migration/%s', (page) => {
  test.each(optionsOf(page))('%s: %s', (theirs, ours) => expect(complaint(theirs, ours)).toBeUndefined())
})

describe('the names of other limiters in docs/options.md', () => {
  const rows = rowsOf(join(ROOT, 'docs', 'options.md'), 'Names of other limiters', '| other limiters | Sluice |')

  test('are all those that errors have a hint for', () => {
    const source = readFileSync(join(ROOT, 'packages/core/src/foreign-options.ts'), 'utf8')
    const hinted = Array.from(source.matchAll(/^ {2}(\w+): '/gm), ([, name = '']) => name)
    expect(hinted.length).toBeGreaterThan(75)
    expect(rows.map(([theirs]) => theirs).toSorted()).toEqual(hinted.toSorted())
  })
  test.each(rows)('%s: %s', (theirs, ours) => expect(complaint(theirs, ours)).toBeUndefined())
})

test('the index lists every page', () => {
  const index = readFileSync(join(FOLDER, 'README.md'), 'utf8')
  expect(PAGES.filter((page) => !index.includes(`(${page})`))).toEqual([])
})
