// docs/compared.md has a row for each name that another limiter declares, as its installed type declarations say.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { declaredNames } from './support/sources/declared-names.ts'
import { ROOT } from './support/workspace.ts'

interface Peer {
  readonly name: string
  readonly folder: string
  /** Its type declarations, as a pattern in its folder. */
  readonly types: string
  /** Names that no user of the package meets, and why. */
  readonly internal?: Readonly<Record<string, string>>
  /** Options that it reads and that its types lack. */
  readonly undeclared?: readonly string[]
  /** The page in docs/migration. */
  readonly page: string
}

const IN_BENCH = join(ROOT, 'bench', 'node_modules')
const NOT_EXPORTED = 'its index does not export it'
const PEERS: readonly Peer[] = [
  { name: 'express-rate-limit', folder: join(IN_BENCH, 'express-rate-limit'), types: 'dist/index.d.ts', page: 'express-rate-limit.md' },
  { name: 'rate-limiter-flexible', folder: join(IN_BENCH, 'rate-limiter-flexible'), types: 'types.d.ts', page: 'rate-limiter-flexible.md' },
  {
    name: '@nestjs/throttler',
    folder: join(IN_BENCH, '@nestjs/throttler'),
    types:
      'dist/{ip,throttler.providers,throttler-module-options.interface,throttler-storage.interface,throttler-storage-record.interface,throttler.decorator,throttler.exception,throttler.guard,throttler.guard.interface,throttler.module,throttler.service,utilities}.d.ts',
    internal: {
      ThrottlerStorageRecord: NOT_EXPORTED,
      createThrottlerProviders: NOT_EXPORTED,
      ThrottlerStorageProvider: NOT_EXPORTED,
      provide: NOT_EXPORTED,
    },
    page: 'nestjs-throttler.md',
  },
  { name: 'hono-rate-limiter', folder: join(IN_BENCH, 'hono-rate-limiter'), types: 'dist/index.d.ts', page: 'hono-rate-limiter.md' },
  {
    name: 'koa-ratelimit',
    folder: join(IN_BENCH, 'koa-ratelimit'),
    types: '../@types/koa-ratelimit/index.d.ts',
    undeclared: ['status', 'onLimited'],
    page: 'koa-ratelimit.md',
  },
  { name: '@fastify/rate-limit', folder: join(IN_BENCH, '@fastify/rate-limit'), types: 'types/index.d.ts', page: 'fastify-rate-limit.md' },
  {
    name: '@upstash/ratelimit',
    folder: join(ROOT, 'test-e2e', 'node_modules', '@upstash/ratelimit'),
    types: 'dist/index.d.ts',
    internal: {
      ipDenyList_ThresholdError: 'the generated name of ThresholdError',
      ipDenyList_disableIpDenyList: 'the generated name of disableIpDenyList',
      ipDenyList_updateIpDenyList: 'the generated name of updateIpDenyList',
    },
    page: 'upstash-ratelimit.md',
  },
]

const compared = readFileSync(join(ROOT, 'docs', 'compared.md'), 'utf8')

/** The rows of a table `| theirs | … |`: each name of theirs, and the cell beside it. */
function rowsOf(table: string): ReadonlyMap<string, string> {
  // A cell of names alone: a part such as "`x` of `y`" is about x only in the way that its page describes.
  const rows = Array.from(
    table.matchAll(/^\| ((?:`[^`|]*`(?:, )?)+) \| ([^|]*) \|/gm),
    ([, theirs = '', ours = '']) => [theirs, ours.trim()] as const,
  )
  return new Map(rows.flatMap(([theirs, ours]) => Array.from(theirs.matchAll(/`([\w-]+)`/g), ([, name = '']) => [name, ours] as const)))
}

const sectionOf = (heading: string): string =>
  new RegExp(`^## ${heading}$([\\s\\S]*?)(?=^## |$(?![\\s\\S]))`, 'm').exec(compared)?.[1] ?? ''
const wordsOf = (cell: string): readonly string[] =>
  Array.from(cell.matchAll(/`([^`]*)`/g), ([, code = '']) => code.split(/\W+/))
    .flat()
    .filter(Boolean)

describe.each(PEERS)('$name', ({ name, folder, types, internal = {}, undeclared = [], page }) => {
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }
  const files = globSync(types, { cwd: folder })
  const declared = new Set(files.flatMap((file) => [...declaredNames(join(folder, file))]))
  const rows = rowsOf(sectionOf(name))
  const migration = readFileSync(join(ROOT, 'docs', 'migration', page), 'utf8')

  test('has a row for each declared name', () => {
    expect(files.length).toBe(types.startsWith('dist/{') ? types.split(',').length : 1)
    expect([...declared].filter((each) => !rows.has(each) && !(each in internal))).toEqual([])
  })
  test('has no row for anything else', () => {
    expect([...rows.keys()].filter((each) => !declared.has(each) && !undeclared.includes(each))).toEqual([])
  })
  test('each row says what it is here, or why there is none', () => {
    expect([...rows].filter(([, ours]) => !/[`[]/.test(ours) && !/^none(?: .*)?: /.test(ours))).toEqual([])
  })
  test('both pages name the release that is installed', () => {
    expect(compared).toContain(`| ${version} | [migration](migration/${page}) |`)
    expect(migration).toContain(`Compared with release ${version}`)
  })
  test('the migration page says the same', () => {
    const theirs = [...rowsOf(migration.split(/^## Before and after$/m)[0] ?? '')].filter(([each]) => rows.has(each))
    const differing = theirs.filter(([each, ours]) => {
      const here = rows.get(each) ?? ''
      if (ours === '–') return !here.startsWith('none') && !here.includes('`')
      if (here.startsWith('none') && ours.startsWith('none')) return false
      return !wordsOf(here).some((word) => wordsOf(ours).includes(word))
    })
    expect(theirs.length).toBeGreaterThan(5)
    expect(differing.map(([each, ours]) => `${each}: ${ours}, but here ${rows.get(each)}`)).toEqual([])
  })
})
