// The packages under Vitest and Jest, as a user installs them: Jest 29 and 30 without a configuration, and the set-ups of Nest's starters.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { type RedisServer, startRedis } from '@sluice/testing/redis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BOTH, COMMONJS, NEST } from './support/jest/programs.ts'
import { fencesOfPage } from './support/sources/fences.ts'
import { E2E, link, run, runToEnd, STARTER } from './support/tarballs/consumer.ts'
import { ROOT } from './support/workspace.ts'

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-jest-')))
/** The `jest` of package.json in a project that `nest new` makes. */
const STARTER_JEST = { rootDir: 'src', testRegex: '.*\\.spec\\.ts$', transform: { '^.+\\.(t|j)s$': 'ts-jest' }, testEnvironment: 'node' }
/** `compilerOptions` of the same project: what they have in common, then by the version of the starter. */
const DECORATORS = { declaration: true, emitDecoratorMetadata: true, experimentalDecorators: true, target: 'ES2022', sourceMap: true }
const NEST_10 = { ...DECORATORS, module: 'commonjs', allowSyntheticDefaultImports: true, incremental: true }
const NEST_11 = { ...DECORATORS, module: 'nodenext', moduleResolution: 'nodenext', esModuleInterop: true, isolatedModules: true }
/** Nest 12 is an ES module, which Jest loads with this option only. */
const VM_MODULES = '--experimental-vm-modules'

let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis()
  for (const [root, from] of [
    ['older', STARTER],
    ['newer', E2E],
  ] as const) {
    const path = join(folder, root)
    run(process.execPath, ['scripts/build.ts', '--into', join(path, 'node_modules'), 'core', 'express', 'nestjs', 'redis'], ROOT)
    link(path, from, '@nestjs/common', '@nestjs/core', '@nestjs/platform-express', '@nestjs/testing', 'reflect-metadata', 'rxjs')
    link(path, ROOT, 'vitest')
    link(path, STARTER, 'express', 'ioredis', 'jest', 'jest29', 'ts-jest', 'typescript', '@types/jest')
  }
})
afterAll(async () => {
  await redis.stop()
  rmSync(folder, { recursive: true })
})

/** A project with one test file. Node finds the packages in the folder above: `older` has Nest 11, `newer` has Nest 12. */
function project(root: 'older' | 'newer', name: string, files: Readonly<Record<string, string>>): string {
  const path = join(folder, root, name)
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(join(path, file, '..'), { recursive: true })
    writeFileSync(join(path, file), text)
  }
  return path
}

/** Jest prints to stderr, and waits for what is still open. A run that does not end by itself fails by its time limit. */
function jest(version: string, cwd: string, flags: readonly string[] = []): string {
  const settings = { REDIS_PORT: String(redis.port), PREFIX: basename(cwd), TMPDIR: folder }
  const env = { ...settings, NODE_OPTIONS: '', NODE_ENV: undefined, VITEST: undefined }
  const program = join(cwd, '..', 'node_modules', version, 'bin', 'jest.js')
  const { status, output } = runToEnd(process.execPath, [...flags, program], cwd, env)
  expect(output).not.toMatch(/did not exit|deprecated/)
  expect(status, output).toBe(0)
  return output
}

const guideOf = (info: string): string => fencesOfPage('docs/testing.md').find((fence) => fence.info === info)?.code ?? ''

test('Vitest runs the test of docs/testing.md', () => {
  const cwd = project('older', 'guide-vitest', { 'package.json': '{ "type": "module" }', 'guide.test.ts': guideOf('ts vitest') })
  const program = join(cwd, '..', 'node_modules', 'vitest', 'vitest.mjs')
  const env = { NODE_OPTIONS: '', NODE_ENV: undefined, VITEST: undefined }
  const { status, output } = runToEnd(process.execPath, [program, 'run'], cwd, env)
  expect(status, output).toBe(0)
  expect(output).toMatch(/Tests +2 passed \(2\)/)
})

test.each(['jest29', 'jest'])('%s runs the test of docs/testing.md', (version) => {
  const cwd = project('older', `guide-${version}`, { 'package.json': '{}', 'guide.test.js': guideOf('js jest') })
  expect(jest(version, cwd)).toMatch(/Tests: +1 passed, 1 total/)
})

describe('F20', () => {
  test.each([
    ['jest29', []],
    ['jest', []],
    ['jest29', [VM_MODULES]],
    ['jest', [VM_MODULES]],
  ])('newcomer 3: %s %s loads the packages without a configuration, and ends', (version, flags) => {
    // Without the flag, Jest cannot import.
    const both = flags.length > 0 ? { 'both.test.js': BOTH } : {}
    const cwd = project('older', `${version}-${flags.length}`, { 'package.json': '{}', 'limits.test.js': COMMONJS, ...both })
    expect(jest(version, cwd, flags)).toMatch(flags.length > 0 ? /Tests: +4 passed, 4 total/ : /Tests: +3 passed, 3 total/)
  })
  test.each([
    ['10', 'older', NEST_10, []],
    ['11', 'older', NEST_11, []],
    ['12', 'newer', NEST_11, [VM_MODULES]],
  ] as const)('newcomer 3, 6: the tests of a project of Nest %s load the packages, and end', (version, root, compilerOptions, flags) => {
    const cwd = project(root, `nest-${version}`, {
      'package.json': JSON.stringify({ jest: STARTER_JEST }),
      'tsconfig.json': JSON.stringify({ compilerOptions: { ...compilerOptions, strict: true, outDir: './dist', baseUrl: './' } }),
      'src/app.spec.ts': NEST,
    })
    expect(jest('jest', cwd, flags)).toMatch(/Tests: +2 passed, 2 total/)
  })
})
