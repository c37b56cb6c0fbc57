// The repository speaks plainly: words that make a reader stop and guess are not used in code, docs or messages.
import { globSync, readFileSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ROOT } from './support/workspace.ts'

/** Each phrase, and what to write instead. Whole words, in any case. */
const UNCLEAR: Readonly<Record<string, string>> = {
  whoever: 'name the actor',
  tells: 'write reports, returns, says or shows, by meaning',
  told: 'write reported, outcome or event, by meaning',
  'such a one': 'repeat the noun',
  "nobody's": 'name the owner',
  "somebody's": 'name the owner',
  'is owed': 'write deficit, or what is still to be charged',
  'for want of': 'write without, or because there is no',
  'all the same': 'write anyway, or still',
  'its own ones': 'repeat the noun',
}

const FILES = [
  '**/*.ts',
  '**/*.mts',
  '**/*.mjs',
  '**/*.js',
  '**/*.lua',
  '**/*.md',
  '**/*.yml',
  '**/*.yaml',
  '**/*.json',
  '**/*.jsonc',
  '.*/**/*.{md,yml,json}',
]
const LEFT_OUT = [
  '**/{node_modules,dist,results}/**',
  '.{git,tools,tsbuild,ci}/**',
  'test-e2e/.{docs,frameworks}/**',
  '**/CHANGELOG.md',
  '**/pnpm-lock.yaml',
  'test-e2e/plain-words.test.ts',
]

const unclear = Object.entries(UNCLEAR).map(([phrase, advice]) => ({ pattern: new RegExp(`\\b${phrase}\\b`, 'gi'), advice }))

/** Each use of an unclear phrase in a text, with its line and what to write instead. */
function findingsIn(file: string, text: string): readonly string[] {
  const lines = text.split('\n')
  return unclear.flatMap(({ pattern, advice }) =>
    lines.flatMap((line, i) => Array.from(line.matchAll(pattern), ([phrase]) => `${file}:${i + 1}: "${phrase}": ${advice}`)),
  )
}

const files = [...new Set(globSync(FILES, { cwd: ROOT, exclude: LEFT_OUT }))]
  .filter((file) => statSync(join(ROOT, file)).isFile())
  .map((file) => relative('.', file).replaceAll('\\', '/'))
  .toSorted()
/** `docs`, `packages/core` and so on. */
const areaOf = (file: string): string =>
  file
    .split('/')
    .slice(0, file.startsWith('packages/') ? 2 : 1)
    .join('/')
const areas = [...new Set(files.map(areaOf))]

test('unclear phrases are found as whole words', () => {
  expect(findingsIn('a.md', 'It teller, retold.\nTold you, whoever.')).toEqual([
    expect.stringContaining('a.md:2: "whoever"'),
    expect.stringContaining('a.md:2: "Told"'),
  ])
})

describe('plain words in', () => {
  test.each(areas)('%s', (area) => {
    const names = files.filter((file) => areaOf(file) === area)
    expect(names.flatMap((file) => findingsIn(file, readFileSync(join(ROOT, file), 'utf8')))).toEqual([])
  })
})
