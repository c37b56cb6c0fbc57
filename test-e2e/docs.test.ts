// Compiles every example in the pages and in the docstrings of packages, and runs those whose fence says `ts run`.
import { execFile, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type RedisServer, startRedis } from '@sluice/testing/redis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { allFences, type Fence, fencesOf, fencesOfPage } from './support/sources/fences.ts'
import { allExamples, examplesOf } from './support/sources/examples.ts'
import { docstringOf, isCallable, placeOf, type PublicName, publicEntries } from './support/sources/public-api.ts'
import { binary, ROOT } from './support/workspace.ts'
import ts from 'typescript5'

// Beside this file, so that examples can import the dependencies of test-e2e: the packages and the frameworks.
const FOLDER = join(import.meta.dirname, '.docs')
// What examples import of 'cloudflare:workers'.
const WORKERS_TYPES = '../../packages/cloudflare/test/cloudflare-workers.d.ts'
const OPTIONS = {
  extends: '../../tsconfig.base.json',
  compilerOptions: {
    composite: false,
    declaration: false,
    emitDeclarationOnly: false,
    declarationMap: false,
    sourceMap: false,
    isolatedDeclarations: false,
    noEmit: true,
    noUnusedLocals: false,
    noUnusedParameters: false,
    // For the decorators of Nest.
    experimentalDecorators: true,
    allowJs: true,
    checkJs: true,
    moduleDetection: 'force',
    types: ['node'],
    lib: ['es2023', 'dom'],
  },
}

const fences = [...allFences(), ...allExamples()]
const named = (...infos: string[]): [string, Fence][] =>
  fences.filter(({ info }) => infos.includes(info)).map((fence) => [`${fence.where} (${fence.info})`, fence])
const compiled = named('ts', 'ts run', 'ts vitest', 'js', 'js run')
const fileOf = ({ where, info }: Fence): string => `${where.replaceAll(/[^\w.]/g, '-')}.${info.slice(0, 2)}`

test('every fence has a known language', () => {
  // nextjs.test.ts compiles and runs those of Next, jest.test.ts runs those of Jest and Vitest.
  const known = ['ts', 'ts run', 'js', 'js run', 'json', 'sh', 'http', 'text', 'yaml', 'ts next', 'tsx next', 'js jest', 'ts vitest']
  expect(fences.filter(({ info }) => !known.includes(info)).map(({ where, info }) => `${where}: ${info}`)).toEqual([])
})

// nextjs.test.ts takes them by their order, and runs in the slow tier only.
test('docs/guides/nextjs.md has the four files that nextjs.test.ts tries', () => {
  const infos = fencesOfPage('docs/guides/nextjs.md').map(({ info }) => info)
  expect(infos).toEqual(['ts', 'ts next', 'ts next', 'tsx next'])
})

test('a fence has its line, its code without indentation, and its prelude', () => {
  const text = '1. one\n   <!-- with: const a = 1 -->\n   ```ts run\n   if (a)\n     a\n\n   ```\n````text\n```\n````\n'
  expect(fencesOf('page.md', text)).toEqual([
    { where: 'page.md:3', line: 3, info: 'ts run', code: 'if (a)\n  a\n', prelude: 'const a = 1' },
    { where: 'page.md:8', line: 8, info: 'text', code: '```', prelude: '' },
  ])
  expect(() => fencesOf('page.md', '```ts\n')).toThrow('page.md:1')
})

test('an example in a docstring has the line of its file', () => {
  const text = 'const a = 1\n  /**\n   * Adds.\n   *\n   * @example\n   * ```ts\n   * if (a)\n   *   a\n   * ```\n   */\nfunction b() {}\n'
  expect(examplesOf('a.ts', text)).toEqual([{ where: 'a.ts:6', line: 6, info: 'ts', code: 'if (a)\n  a', prelude: '' }])
})

describe('public functions have an example', () => {
  // The entries for authors of stores and adapters need none.
  const entries = publicEntries().filter(
    ({ specifier }) => !/\/(?:algorithms|store-kit|adapter-kit|source-kit|schema-kit)$/.test(specifier),
  )
  const functions = entries.flatMap(({ specifier, names }) =>
    names.filter(needsExample).map((one) => [`${one.name} of ${specifier}`, one] as const),
  )

  test.each(functions)('%s', (_name, { declarations, source }) => {
    const docstrings = declarations.flatMap((node) => docstringsOf(node, source)).join('\n')
    expect(docstrings, `expected @example in the docstring at ${placeOf(declarations[0]!, source)}`).toContain('@example')
  })
})

describe('programs', () => {
  let errors: readonly string[] = []
  let redis: RedisServer | undefined
  afterAll(() => redis?.stop())

  beforeAll(async () => {
    redis = await startRedis()
    rmSync(FOLDER, { recursive: true, force: true })
    mkdirSync(FOLDER)
    writeFileSync(
      join(FOLDER, 'tsconfig.json'),
      JSON.stringify({ ...OPTIONS, files: [WORKERS_TYPES, ...compiled.map(([, fence]) => fileOf(fence))] }),
    )
    for (const [, fence] of compiled) {
      // The code keeps its line number, so that a compiler error names the line of the page or docstring.
      const above = '\n'.repeat(Math.max(1, fence.line - 1))
      writeFileSync(join(FOLDER, fileOf(fence)), `${fence.prelude}${above}\n${fence.code}\n`)
    }
    const { stdout } = spawnSync(process.execPath, [binary('typescript', 'tsc'), '-p', '.'], {
      cwd: FOLDER,
      encoding: 'utf8',
      timeout: 110_000,
    })
    errors = stdout.trim().split(/\n(?=\S)/)
    // Compiles the types of every framework, which takes long.
  }, 120_000)

  test.each(compiled)('%s compiles', (_name, fence) => {
    expect(errors.filter((error) => error.startsWith(`${fileOf(fence)}(`))).toEqual([])
  })
  test('nothing else fails to compile', () => {
    expect(errors.filter((error) => error !== '' && !compiled.some(([, fence]) => error.startsWith(`${fileOf(fence)}(`)))).toEqual([])
  })
  test.each(named('ts run', 'js run'))('%s runs without an error', async (_name, fence) => {
    const file = runnable(fence)
    const env = { ...process.env, PORT: '0', REDIS_URL: redis?.url }
    const ended = promisify(execFile)(process.execPath, ['--conditions=source', file], { cwd: FOLDER, env, timeout: 30_000 })
    await expect(ended).resolves.toBeDefined()
  })
})

test.each(named('json'))('%s is JSON', (_name, fence) => {
  expect(() => JSON.parse(fence.code) as unknown).not.toThrow()
})

test.each(named('sh'))('%s uses existing scripts, packages and files', (_name, fence) => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
  const wrong: string[] = []
  for (const line of fence.code.split('\n')) {
    const script = /\bp?npm (?:run )?([\w:-]+)/.exec(line)?.[1]
    if (script !== undefined && !['i', 'install', 'add'].includes(script) && !(script in scripts)) wrong.push(`no script ${script}`)
    for (const [, name] of line.matchAll(/@sluice\/([\w-]+)/g))
      if (!existsSync(join(ROOT, 'packages', name!))) wrong.push(`no package ${name}`)
    const file = /\bnode (?:--\S+ )*([\w./-]+)/.exec(line)?.[1]
    if (file !== undefined && !existsSync(join(ROOT, file))) wrong.push(`no file ${file}`)
  }
  expect(wrong).toEqual([])
})

/** The file to run. Node strips types, but it does not know decorators: a program with some is compiled first. */
function runnable(fence: Fence): string {
  const file = fileOf(fence)
  if (!/^@\w/m.test(fence.code)) return file
  const compilerOptions = { experimentalDecorators: true, module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 }
  const compiledFile = `${file}.mjs`
  writeFileSync(join(FOLDER, compiledFile), ts.transpileModule(readFileSync(join(FOLDER, file), 'utf8'), { compilerOptions }).outputText)
  return compiledFile
}

/** Callables of the entries for applications. The constructors of errors are not for users. */
function needsExample({ name, declarations }: PublicName): boolean {
  return declarations.some(isCallable) && !/(?:Error|Exception)$/.test(name)
}

/** The docstring of a declaration, and those of the methods of a class. */
function docstringsOf(node: ts.Node, source: ts.SourceFile): readonly string[] {
  const members = ts.isClassDeclaration(node) ? node.members : []
  return [node, ...members].map((one) => docstringOf(one, source) ?? '')
}
