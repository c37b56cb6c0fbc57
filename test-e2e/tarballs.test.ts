// The packed tarballs, installed in a project outside the workspace, on every supported Node and with both compilers.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ADAPTERS } from './support/tarballs/adapter-programs.ts'
import { PROGRAM, TYPES } from './support/tarballs/programs.ts'
import { binary, ROOT } from './support/workspace.ts'

const PACKAGES = ['core', 'express', 'redis', 'cloudflare', ...Object.keys(ADAPTERS)]
const consumer = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-consumer-')))
const modules = join(consumer, 'node_modules')
const tarball = (name: string): string =>
  join(
    consumer,
    readdirSync(consumer).find((file) => file.startsWith(`sluice-${name}-`))!,
  )

function run(command: string, args: readonly string[], cwd: string = consumer): string {
  const { status, error, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${[command, ...args].join(' ')}\n${stdout}${stderr}${error?.message ?? ''}`)
  return stdout
}

/** Links a dependency of the project from the workspace, so that no registry is needed. */
function link(name: string, target: string): void {
  mkdirSync(dirname(join(modules, name)), { recursive: true })
  symlinkSync(realpathSync(target), join(modules, name), 'junction')
}

beforeAll(() => {
  // A forced build into empty folders, so that nothing stale is packed.
  for (const name of PACKAGES) rmSync(join(ROOT, 'packages', name, 'dist'), { recursive: true, force: true })
  run(process.execPath, [binary('typescript', 'tsc'), '-b', '--force', ...PACKAGES.map((name) => `packages/${name}`)], ROOT)
  const pnpm = join(ROOT, '.tools', 'node_modules', 'pnpm', 'bin', 'pnpm.mjs')
  for (const name of PACKAGES) {
    run(process.execPath, [pnpm, 'pack', '--pack-destination', consumer], join(ROOT, 'packages', name))
    mkdirSync(join(modules, '@sluice', name), { recursive: true })
    run('tar', ['-xzf', tarball(name), '--strip-components=1', '-C', join(modules, '@sluice', name)])
  }
  link('express', join(import.meta.dirname, 'node_modules', 'express'))
  link('ioredis', join(import.meta.dirname, 'node_modules', 'ioredis'))
  for (const name of ['@nestjs/common', '@nestjs/core', 'reflect-metadata', 'rxjs'])
    link(name, join(import.meta.dirname, 'node_modules', name))
  link('@types/express', join(import.meta.dirname, 'node_modules', '@types', 'express'))
  for (const name of ['koa', '@types/koa', 'fastify', 'hono']) link(name, join(import.meta.dirname, 'node_modules', name))
  link('@types/node', join(ROOT, 'node_modules', '@types', 'node'))
}, 120_000)
afterAll(() => rmSync(consumer, { recursive: true }))

describe.each(PACKAGES)('@sluice/%s', (name) => {
  test('contains the build, its sources, LICENSE, README.md and package.json, and nothing else', () => {
    const files = readdirSync(join(modules, '@sluice', name), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) =>
        join(entry.parentPath, entry.name)
          .slice(join(modules, '@sluice', name).length + 1)
          .replaceAll('\\', '/'),
      )
    const sources = files.filter((file) => file.startsWith('src/'))
    const built = sources.flatMap((file) =>
      ['.d.ts', '.d.ts.map', '.js', '.js.map'].map((end) => file.replace(/^src(.*)\.ts$/, `dist$1${end}`)),
    )
    expect(files.toSorted()).toEqual([...built, ...sources, 'LICENSE', 'README.md', 'package.json'].toSorted())
    expect(files.filter((file) => /test|tsbuildinfo/.test(file))).toEqual([])
  })
  test('publint finds no problem', () => {
    expect(run(process.execPath, [binary('publint'), 'run', '--strict', tarball(name)])).toContain('All good!')
  })
  test('the types resolve wherever ESM resolves', () => {
    const options = ['--profile', 'esm-only', '--no-definitely-typed', '--no-emoji', '--format', 'ascii']
    expect(run(process.execPath, [binary('@arethetypeswrong/cli', 'attw'), tarball(name), ...options])).toContain(
      'node16 (from ESM): OK (ESM)',
    )
  })
})

describe.each(['node20', 'node22', 'node'])('%s', (alias) => {
  const node = join(
    alias === 'node' ? ROOT : import.meta.dirname,
    'node_modules',
    alias,
    'bin',
    process.platform === 'win32' ? 'node.exe' : 'node',
  )

  test('is the expected version of Node', () => {
    expect(run(node, ['--version'])).toMatch(new RegExp(`^v${alias === 'node' ? '24' : alias.slice(4)}\\.`))
  })
  test.each([
    [
      'import',
      'mjs',
      "import * as core from '@sluice/core'\nimport { rateLimit } from '@sluice/express'\nimport { redisStore } from '@sluice/redis'\nimport { durableObjectStore } from '@sluice/cloudflare'\nimport express from 'express'\n",
    ],
    [
      'require',
      'cjs',
      "const core = require('@sluice/core')\nconst { rateLimit } = require('@sluice/express')\nconst { redisStore } = require('@sluice/redis')\nconst { durableObjectStore } = require('@sluice/cloudflare')\nconst express = require('express')\n",
    ],
  ])('%s works', (_how, extension, head) => {
    writeFileSync(join(consumer, `program.${extension}`), head + PROGRAM)
    expect(run(node, [`program.${extension}`]).trim()).toBe('ok')
  })
  test.each(Object.keys(ADAPTERS).flatMap((name) => [[name, 'import'] as const, [name, 'require'] as const]))(
    '%s: %s works',
    (name, how) => {
      const { imports, program } = ADAPTERS[name]!
      const line = ([from, what]: [string, string]) =>
        how === 'import' ? `import ${what} from '${from}'` : `const ${what} = require('${from}')`
      const file = `${name}.${how === 'import' ? 'mjs' : 'cjs'}`
      writeFileSync(join(consumer, file), [...Object.entries(imports).map(line), program].join('\n'))
      expect(run(node, [file]).trim()).toBe('ok')
    },
  )
})

describe.each([
  ['TypeScript 7', binary('typescript', 'tsc')],
  ['TypeScript 5.9', join(import.meta.dirname, 'node_modules', 'typescript5', 'bin', 'tsc')],
])('%s', (_name, tsc) => {
  test.each([
    ['NodeNext, ESM', 'mts', { module: 'nodenext', moduleResolution: 'nodenext' }],
    ['NodeNext, CommonJS', 'cts', { module: 'nodenext', moduleResolution: 'nodenext' }],
    ['a bundler', 'ts', { module: 'esnext', moduleResolution: 'bundler' }],
  ])('reads the types under %s', (_how, extension, options) => {
    const programs = { types: TYPES, ...Object.fromEntries(Object.entries(ADAPTERS).map(([name, { types }]) => [`types-${name}`, types])) }
    const files = Object.entries(programs).map(([name, text]) => {
      writeFileSync(join(consumer, `${name}.${extension}`), text)
      return `${name}.${extension}`
    })
    const compilerOptions = {
      target: 'es2023',
      lib: ['es2023'],
      types: ['node'],
      strict: true,
      esModuleInterop: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      ...options,
    }
    writeFileSync(join(consumer, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
    expect(run(process.execPath, [tsc, '-p', '.'])).toBe('')
  })
})
