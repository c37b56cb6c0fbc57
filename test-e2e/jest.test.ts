// The packages under Jest, as a user installs it: Jest 29 and 30 without a configuration, and the set-ups of Nest's starters.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { type RedisServer, startRedis } from '@sluice/testing/redis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { COMMONJS, NEST } from './support/jest/programs.ts'
import { link, run, runToEnd, STARTER } from './support/tarballs/consumer.ts'
import { ROOT } from './support/workspace.ts'

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-jest-')))
/** The `jest` of package.json in a project that `nest new` makes. */
const STARTER_JEST = { rootDir: 'src', testRegex: '.*\\.spec\\.ts$', transform: { '^.+\\.(t|j)s$': 'ts-jest' }, testEnvironment: 'node' }
/** `compilerOptions` of the same project: what they have in common, then by the version of the starter. */
const DECORATORS = { declaration: true, emitDecoratorMetadata: true, experimentalDecorators: true, target: 'ES2022', sourceMap: true }
const NEST_10 = { ...DECORATORS, module: 'commonjs', allowSyntheticDefaultImports: true, incremental: true }
const NEST_11 = { ...DECORATORS, module: 'nodenext', moduleResolution: 'nodenext', esModuleInterop: true, isolatedModules: true }

let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis()
  run(process.execPath, ['scripts/build.ts', '--into', join(folder, 'node_modules'), 'core', 'express', 'nestjs', 'redis'], ROOT)
  const nest = ['@nestjs/common', '@nestjs/core', '@nestjs/platform-express', '@nestjs/testing', 'reflect-metadata', 'rxjs']
  link(folder, STARTER, ...nest, 'express', 'ioredis', 'jest', 'jest29', 'ts-jest', 'typescript', '@types/jest')
})
afterAll(async () => {
  await redis.stop()
  rmSync(folder, { recursive: true })
})

/** A project with one test file. Node finds the packages in the folder above. */
function project(name: string, files: Readonly<Record<string, string>>): string {
  const path = join(folder, name)
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(join(path, file, '..'), { recursive: true })
    writeFileSync(join(path, file), text)
  }
  return path
}

/** Jest prints to stderr, and waits for what is still open. A run that does not end by itself fails by its time limit. */
function jest(version: string, cwd: string): string {
  const env = {
    REDIS_PORT: String(redis.port),
    PREFIX: basename(cwd),
    TMPDIR: folder,
    NODE_OPTIONS: '',
    NODE_ENV: undefined,
    VITEST: undefined,
  }
  const { status, output } = runToEnd(process.execPath, [join(folder, 'node_modules', version, 'bin', 'jest.js')], cwd, env)
  expect(output).not.toMatch(/did not exit|ExperimentalWarning|deprecated/)
  expect(status, output).toBe(0)
  return output
}

describe('F20', () => {
  test.each(['jest29', 'jest'])('newcomer 3: %s loads the packages without a configuration, and ends', (version) => {
    const cwd = project(version, { 'package.json': '{}', 'limits.test.js': COMMONJS })
    expect(jest(version, cwd)).toMatch(/Tests: +3 passed, 3 total/)
  })
  test.each([
    ['10', NEST_10],
    ['11', NEST_11],
  ])('newcomer 2: the tests of a project of Nest %s load the packages, and end', (version, compilerOptions) => {
    const cwd = project(`nest-${version}`, {
      'package.json': JSON.stringify({ jest: STARTER_JEST }),
      'tsconfig.json': JSON.stringify({ compilerOptions: { ...compilerOptions, strict: true, outDir: './dist', baseUrl: './' } }),
      'src/app.spec.ts': NEST,
    })
    expect(jest('jest', cwd)).toMatch(/Tests: +2 passed, 2 total/)
  })
})
