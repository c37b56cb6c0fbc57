// Lint enforces the boundaries between packages: one violation of each rule, in a temporary tree, with the expected message.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { binary, ROOT } from './support/workspace.ts'

const CORE = 'Core imports nothing'
const ADAPTER = 'Adapters know no store and no other adapter'
const STORE = 'Stores know no adapter'
const SUITES = 'The suites test a store or an adapter that they are given'
const PUBLIC = 'Only public entries here'
const TIME = 'Time is a parameter'

const REFUSED: readonly (readonly [name: string, file: string, code: string, reason: string])[] = [
  ['core imports no package', 'packages/core/src/a.ts', "import 'express'", CORE],
  ['core imports no type of a package', 'packages/core/src/b.ts', "import type { Request } from 'express'\nexport type R = Request", CORE],
  ['core imports no node: module', 'packages/core/src/c.ts', "export { readFileSync } from 'node:fs'", CORE],
  ['core imports nothing later either', 'packages/core/src/d.ts', "export const lazy = () => import('node:fs')", CORE],
  ['an adapter imports no deep path', 'packages/koa/src/a.ts', "import '@sluice/core/dist/clock.js'", ADAPTER],
  ['an adapter imports no algorithm', 'packages/koa/src/b.ts', "import '@sluice/core/algorithms'", ADAPTER],
  ['an adapter imports no tools of stores', 'packages/koa/src/f.ts', "import '@sluice/core/store-kit'", ADAPTER],
  ['an adapter imports no store', 'packages/koa/src/c.ts', "import '@sluice/redis'", ADAPTER],
  ['an adapter imports no source of core', 'packages/koa/src/d.ts', "import '../../core/src/clock.ts'", ADAPTER],
  ['a store imports no adapter', 'packages/redis/src/a.ts', "import '@sluice/express'", STORE],
  ['a store imports no tools of adapters', 'packages/redis/src/d.ts', "import '@sluice/core/adapter-kit'", STORE],
  ['a store imports no deep path', 'packages/redis/src/b.ts', "import '@sluice/core/algorithms/bucket'", STORE],
  ['the suites import no store', 'packages/testing/src/a.ts', "import '@sluice/redis'", SUITES],
  ['an example imports public entries only', 'examples/express/a.ts', "import '../../packages/core/src/clock.ts'", PUBLIC],
  ['an end-to-end test imports public entries only', 'test-e2e/a.test.ts', "import '@sluice/core/src/clock.ts'", PUBLIC],
  ['Date.now()', 'packages/core/src/e.ts', 'export const now = Date.now()', TIME],
  ['Date.now as a value', 'packages/core/src/f.ts', 'export const clock = { now: globalThis.Date.now }', TIME],
  ['new Date()', 'packages/express/src/e.ts', 'export const today = new Date()', TIME],
  ['Date()', 'packages/express/src/f.ts', 'export const today = Date()', TIME],
  ['performance.now()', 'packages/express/src/g.ts', 'export const now = performance.now()', TIME],
  ['setTimeout()', 'packages/core/src/g.ts', 'setTimeout(() => undefined, 1)', TIME],
  ['runtime.setInterval()', 'packages/core/src/h.ts', "import { runtime } from './runtime.ts'\nruntime.setInterval(() => 1, 1)", TIME],
  ['setImmediate() under another name', 'packages/redis/src/e.ts', "export { setImmediate as later } from 'node:timers'", TIME],
  ['a timer that is imported', 'packages/redis/src/f.ts', "import { setTimeout as wait } from 'timers/promises'\nawait wait(1)", TIME],
  ['a timer as a value', 'packages/core/src/o.ts', 'export const later = setTimeout', TIME],
  ['a timer that is taken apart', 'packages/core/src/p.ts', 'export const { setImmediate: later } = globalThis', TIME],
  ['a microtask', 'packages/core/src/q.ts', "import { runtime } from './runtime.ts'\nruntime.queueMicrotask(() => 1)", TIME],
  ['AbortSignal.timeout()', 'packages/fetch/src/a.ts', 'export const signal = AbortSignal.timeout(1)', TIME],
  ['the time that is taken apart', 'packages/core/src/r.ts', 'export const { now } = performance', TIME],
  ['Date under another name', 'packages/core/src/s.ts', 'const D = Date\nexport const today = new D()', TIME],
  ['console in a package', 'packages/express/src/h.ts', "console.warn('no')", 'console statement'],
  ['a floating promise', 'packages/express/src/i.ts', 'export const f = () => { Promise.resolve(1) }', 'Promises must be awaited'],
  ['a promise where none is awaited', 'packages/express/src/j.ts', '[1].forEach(async () => await 1)', 'Promise'],
  ['a cycle', 'packages/core/src/i.ts', "import { j } from './j.ts'\nexport const i = (): unknown => j", 'Dependency cycle'],
  [
    'a cycle, at its other end',
    'packages/core/src/j.ts',
    "import { i } from './i.ts'\nexport const j = (): unknown => i",
    'Dependency cycle',
  ],
  ['a cycle of types', 'packages/core/src/m.ts', "import type { N } from './n.ts'\nexport type M = N | 1", 'Dependency cycle'],
  [
    'a cycle of types, at its other end',
    'packages/core/src/n.ts',
    "import type { M } from './m.ts'\nexport type N = readonly M[]",
    'Dependency cycle',
  ],
  ['a test that hides the others', 'packages/core/test/a.test.ts', "import { it } from 'vitest'\nit.only('x', () => {})", 'focused'],
  ['a test that is not run', 'packages/core/test/b.test.ts', "import { it } from 'vitest'\nit.skip('x', () => {})", 'Disabled'],
]
const ACCEPTED: readonly (readonly [name: string, file: string, code: string])[] = [
  ['core imports its own files', 'packages/core/src/k.ts', "export * from './clock.ts'"],
  [
    'the clock reads the time',
    'packages/core/src/clock.ts',
    'export const now = () => Date.now()\nexport const run = () => setTimeout(now, 1)',
  ],
  ['a given time', 'packages/core/src/l.ts', 'export const at = (ms: number) => new Date(ms)'],
  [
    'a name that is no timer',
    'packages/core/src/t.ts',
    'export interface Timers {\n  setTimeout(run: () => void): void\n  readonly made: Date\n}\nexport const isDate = (x: unknown): x is Date => x instanceof Date',
  ],
  [
    'an adapter imports core and its framework',
    'packages/koa/src/e.ts',
    "export * from '@sluice/core'\nexport * from '@sluice/core/adapter-kit'\nexport * from 'koa'",
  ],
  [
    'a store imports core, its algorithms and its tools for stores',
    'packages/redis/src/c.ts',
    "export * from '@sluice/core'\nexport * from '@sluice/core/algorithms'\nexport * from '@sluice/core/store-kit'",
  ],
  ['a test reads the time', 'packages/core/test/c.test.ts', 'export const now = Date.now()'],
]

interface Diagnostic {
  readonly message: string
  readonly help?: string
  readonly filename: string
}
const tree = mkdtempSync(join(tmpdir(), 'sluice-lint-'))
let found: readonly Diagnostic[] = []

beforeAll(() => {
  for (const file of ['.oxlintrc.json', 'scripts/lint-time.mjs']) cpSync(join(ROOT, file), join(tree, file))
  for (const [, file, code] of [...REFUSED, ...ACCEPTED]) {
    mkdirSync(dirname(join(tree, file)), { recursive: true })
    writeFileSync(join(tree, file), `${code}\n`)
  }
  const { stdout, stderr } = spawnSync(process.execPath, [binary('oxlint'), '-f', 'json', '.'], {
    cwd: tree,
    encoding: 'utf8',
    timeout: 50_000,
  })
  if (stderr !== '') throw new Error(stderr)
  found = (JSON.parse(stdout) as { diagnostics: Diagnostic[] }).diagnostics
})
afterAll(() => rmSync(tree, { recursive: true }))

const messagesOf = (file: string): string =>
  found
    .filter((diagnostic) => diagnostic.filename.replaceAll('\\', '/') === file)
    .map(({ message, help }) => `${message} ${help ?? ''}`)
    .join('\n')

test.each(REFUSED)('lint refuses: %s', (_name, file, _code, reason) => {
  expect(messagesOf(file)).toContain(reason)
})
test.each(ACCEPTED)('lint accepts: %s', (_name, file) => {
  expect(messagesOf(file)).toBe('')
})
