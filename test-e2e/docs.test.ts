// Examples in prose are compiled and, where the fence says `ts run`, executed. What a fence may be is the list of cases below.
import { execFile, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { allFences, type Fence, fencesOf } from './support/fences.ts'
import { binary, ROOT } from './support/workspace.ts'

// Beside this file, so that fences import what test-e2e depends on: the packages, and the frameworks with their types.
const FOLDER = join(import.meta.dirname, '.docs')
const OPTIONS = {
  extends: '../../tsconfig.base.json',
  compilerOptions: {
    composite: false,
    declaration: false,
    declarationMap: false,
    sourceMap: false,
    isolatedDeclarations: false,
    noEmit: true,
    noUnusedLocals: false,
    noUnusedParameters: false,
    // Nest's decorators.
    experimentalDecorators: true,
    allowJs: true,
    checkJs: true,
    moduleDetection: 'force',
    types: ['node'],
    lib: ['es2023', 'dom'],
  },
}

const fences = allFences()
const named = (...infos: string[]): [string, Fence][] =>
  fences.filter(({ info }) => infos.includes(info)).map((fence) => [`${fence.where} (${fence.info})`, fence])
const compiled = named('ts', 'ts run', 'js', 'js run')
const fileOf = ({ where, info }: Fence): string => `${where.replaceAll(/[^\w.]/g, '-')}.${info.slice(0, 2)}`

test('every fence says what it is', () => {
  const known = ['ts', 'ts run', 'js', 'js run', 'json', 'sh', 'http', 'text']
  expect(fences.filter(({ info }) => !known.includes(info)).map(({ where, info }) => `${where}: ${info}`)).toEqual([])
})

test('fences are found with their line, their indentation taken off and what they are compiled with', () => {
  const text = '1. one\n   <!-- with: const a = 1 -->\n   ```ts run\n   if (a)\n     a\n\n   ```\n````text\n```\n````\n'
  expect(fencesOf('page.md', text)).toEqual([
    { where: 'page.md:3', line: 3, info: 'ts run', code: 'if (a)\n  a\n', prelude: 'const a = 1' },
    { where: 'page.md:8', line: 8, info: 'text', code: '```', prelude: '' },
  ])
  expect(() => fencesOf('page.md', '```ts\n')).toThrow('page.md:1')
})

describe('programs', () => {
  let errors: readonly string[] = []

  beforeAll(() => {
    rmSync(FOLDER, { recursive: true, force: true })
    mkdirSync(FOLDER)
    writeFileSync(join(FOLDER, 'tsconfig.json'), JSON.stringify({ ...OPTIONS, files: compiled.map(([, fence]) => fileOf(fence)) }))
    for (const [, fence] of compiled) {
      // The code stands on the line that it has in the page, so that an error names it.
      const above = '\n'.repeat(Math.max(1, fence.line - 1))
      writeFileSync(join(FOLDER, fileOf(fence)), `${fence.prelude}${above}\n${fence.code}\n`)
    }
    const { stdout } = spawnSync(process.execPath, [binary('typescript', 'tsc'), '-p', '.'], { cwd: FOLDER, encoding: 'utf8' })
    errors = stdout.trim().split(/\n(?=\S)/)
    // A whole compilation, with the types of every framework.
  }, 120_000)

  test.each(compiled)('%s compiles', (_name, fence) => {
    expect(errors.filter((error) => error.startsWith(`${fileOf(fence)}(`))).toEqual([])
  })
  test('nothing else fails to compile', () => {
    expect(errors.filter((error) => error !== '' && !compiled.some(([, fence]) => error.startsWith(`${fileOf(fence)}(`)))).toEqual([])
  })
  test.each(named('ts run', 'js run'))('%s runs to its end', async (_name, fence) => {
    const ended = promisify(execFile)(process.execPath, ['--conditions=source', fileOf(fence)], { cwd: FOLDER, timeout: 10_000 })
    await expect(ended).resolves.toBeDefined()
  })
})

test.each(named('json'))('%s is JSON', (_name, fence) => {
  expect(() => JSON.parse(fence.code) as unknown).not.toThrow()
})

test.each(named('sh'))('%s names what exists', (_name, fence) => {
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
