// The packed tarballs, installed in a project outside the workspace, on every supported Node and with every supported compiler.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ADAPTERS } from './support/tarballs/adapter-programs.ts'
import { E2E, link, nodeOf, run, runToEnd, STARTER } from './support/tarballs/consumer.ts'
import { oneState } from './support/tarballs/one-state.ts'
import { IDENTITY, PROGRAM, TYPES } from './support/tarballs/programs.ts'
import { binary, ROOT } from './support/workspace.ts'

const isFull = process.env['SLUICE_FAULTS'] === 'full'
const PACKAGES = [
  'core',
  'express',
  'redis',
  'cloudflare',
  'policies',
  'dynamodb',
  'etcd',
  'kafka',
  'regions',
  'blocklist',
  'telemetry',
  'server',
  ...Object.keys(ADAPTERS),
]
const consumer = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-consumer-')))
/** A project that differs in its Nest: version 12 is an ES module only, and 11 is CommonJS only. */
const older = join(consumer, 'nest11')
const tarball = (name: string): string =>
  join(
    consumer,
    readdirSync(consumer).find((file) => file.startsWith(`sluice-${name}-`))!,
  )
const installed = (name: string, project: string = consumer): string => join(project, 'node_modules', '@sluice', name)
const filesOf = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(folder.length + 1)
        .replaceAll('\\', '/'),
    )
const entriesOf = (name: string): readonly string[] => {
  const { exports } = JSON.parse(readFileSync(join(ROOT, 'packages', name, 'package.json'), 'utf8')) as { exports: Record<string, unknown> }
  // Others are data, such as a schema.
  return Object.keys(exports).filter((entry) => !entry.endsWith('.json'))
}

function install(name: string, project: string): void {
  mkdirSync(installed(name, project), { recursive: true })
  run('tar', ['-xzf', tarball(name), '--strip-components=1', '-C', installed(name, project)], consumer)
}

beforeAll(() => {
  run(process.execPath, ['scripts/build.ts'], ROOT)
  const pnpm = join(ROOT, '.tools', 'node_modules', 'pnpm', 'bin', 'pnpm.mjs')
  for (const name of PACKAGES) {
    run(process.execPath, [pnpm, 'pack', '--pack-destination', consumer], join(ROOT, 'packages', name))
    install(name, consumer)
  }
  const frameworks = ['express', '@types/express', 'koa', '@types/koa', 'fastify', 'hono', 'ioredis']
  link(consumer, E2E, ...frameworks, '@nestjs/common', '@nestjs/core', 'reflect-metadata', 'rxjs')
  link(consumer, ROOT, '@types/node')
  link(consumer, join(ROOT, 'packages', 'policies'), 'valibot', 'yaml')
  link(consumer, join(ROOT, 'packages', 'server'), '@valibot/to-json-schema')
  link(consumer, join(ROOT, 'packages', 'telemetry'), '@opentelemetry/api', 'prom-client')
  install('nestjs', older)
  link(older, STARTER, '@nestjs/common', '@nestjs/core', 'reflect-metadata', 'rxjs')
}, 120_000)
afterAll(() => rmSync(consumer, { recursive: true }))

describe.each(PACKAGES)('@sluice/%s', (name) => {
  test('contains both builds, their sources, LICENSE, README.md and package.json, and nothing else', () => {
    const files = filesOf(installed(name))
    const sources = files.filter((file) => file.startsWith('src/'))
    const { exports } = JSON.parse(readFileSync(join(installed(name), 'package.json'), 'utf8')) as { exports: Record<string, object> }
    const targets = JSON.stringify(exports)
      .match(/\.\/(?:dist|schema)\/[^"]*/g)!
      .map((file) => file.slice('./'.length))
    const built = sources.flatMap((file) =>
      ['dist$1.js', 'dist$1.js.map', ...['.js', '.js.map', '.d.ts', '.d.ts.map'].map((end) => `dist/cjs$1${end}`)].map((path) =>
        file.replace(/^src(.*)\.ts$/, path),
      ),
    )
    // Hono and Nest have ES modules' types, so their ES modules have declarations of their own.
    const declared = ['hono', 'nestjs'].includes(name)
      ? sources.flatMap((file) => ['.d.ts', '.d.ts.map'].map((end) => file.replace(/^src(.*)\.ts$/, `dist$1${end}`)))
      : []
    const expected = new Set([
      ...built,
      ...declared,
      ...targets,
      ...sources,
      'dist/cjs/package.json',
      'LICENSE',
      'README.md',
      'package.json',
    ])
    // Those of the console change their names with their content: packages/server/test/console/files.test.ts knows them.
    const others = files.filter((file) => !(name === 'server' && /^(?:assets\/console|proto)\//.test(file)))
    expect(others.toSorted()).toEqual(Array.from(expected).toSorted())
    expect(files.filter((file) => /(?:^|\/)tests?\/|\.(?:test|check)\.|tsbuildinfo/.test(file))).toEqual([])
  })
  test('each map leads to its source', () => {
    const maps = filesOf(join(installed(name), 'dist')).filter((file) => file.endsWith('.map'))
    for (const file of maps) {
      const folder = join(installed(name), 'dist', file, '..')
      const { sources } = JSON.parse(readFileSync(join(installed(name), 'dist', file), 'utf8')) as { sources: string[] }
      expect(readFileSync(join(folder, sources[0]!), 'utf8')).not.toBe('')
    }
    expect(maps).not.toEqual([])
  })
  test('publint finds no problem', () => {
    expect(run(process.execPath, [binary('publint'), 'run', '--strict', tarball(name)], consumer)).toContain('All good!')
  })
  // It takes 40 s for all packages. The compilers below resolve the types as well.
  if (!isFull) return
  test('F20: the types resolve in every way, from ESM and from CommonJS', () => {
    const options = ['--no-definitely-typed', '--no-emoji', '--format', 'ascii']
    const found = run(process.execPath, [binary('@arethetypeswrong/cli', 'attw'), tarball(name), ...options], consumer)
    for (const line of ['node16 (from CJS): OK (CJS)', 'node16 (from ESM): OK (ESM)', 'bundler: OK \n', 'node10: OK \n'])
      expect(found.split(line).length - 1, line).toBe(entriesOf(name).length)
  })
})

describe.each(['node20', 'node22', 'node'])('%s', (alias) => {
  const node = nodeOf(alias)
  /** Prints nothing but `ok`: no warning that a feature is experimental. */
  const runs = (cwd: string, ...args: readonly string[]): void => {
    const { stdout, output } = runToEnd(node, args, cwd)
    expect(output).toBe(`${[node, ...args].join(' ')}\nok\n`)
    expect(stdout).toBe('ok\n')
  }

  test('is the expected version of Node', () => {
    expect(run(node, ['--version'], consumer)).toMatch(new RegExp(`^v${alias === 'node' ? '24' : alias.slice(4)}\\.`))
  })
  // The last is how Node loads on AWS Lambda.
  describe.each([
    ['import', 'mjs', []],
    ['require', 'cjs', []],
    ['require without ES modules', 'cjs', ['--no-experimental-require-module']],
  ] as const)('%s', (how, extension, flags) => {
    const line = ([from, what]: [string, string]) =>
      extension === 'mjs' ? `import ${what.replaceAll(':', ' as')} from '${from}'` : `const ${what} = require('${from}')`
    const project = flags.length > 0 ? older : consumer
    const packages = {
      '@sluice/express': '{ rateLimit }',
      '@sluice/redis': '{ redisStore }',
      '@sluice/cloudflare': '{ durableObjectStore }',
    }

    test(`${how} of @sluice/core, express, redis and cloudflare`, () => {
      const core = extension === 'mjs' ? '* as core' : 'core'
      const head = Object.entries({ '@sluice/core': core, ...packages, express: 'express' }).map(line)
      writeFileSync(join(project, `program.${extension}`), [...head, PROGRAM].join('\n'))
      runs(project, ...flags, `program.${extension}`)
    })
    // Fastify itself requires an ES module.
    const adapters = Object.entries(ADAPTERS).filter(([name]) => flags.length === 0 || name !== 'fastify')
    test.each(adapters)(`${how} of @sluice/%s`, (name, { imports, program }) => {
      const file = `${name}.${extension}`
      writeFileSync(join(project, file), [...Object.entries(imports).map(line), program].join('\n'))
      runs(project, ...flags, file)
    })
  })
  test.each([
    ['as it is', []],
    ['that cannot require() an ES module', ['--no-experimental-require-module']],
  ])('F20: both forms in one process have one state, on Node %s', (_how, flags) => {
    const entries = PACKAGES.flatMap((name) => entriesOf(name).map((entry) => `@sluice/${name}${entry.slice(1)}`))
    writeFileSync(join(older, 'one-state.cjs'), oneState(entries))
    runs(older, ...flags, 'one-state.cjs')
  })
})

/** Ways to resolve, and the extensions of programs that are compiled with each. */
const RESOLUTIONS = {
  node16: [{ module: 'node16', moduleResolution: 'node16' }, ['mts', 'cts']],
  nodenext: [{ module: 'nodenext', moduleResolution: 'nodenext' }, ['mts', 'cts']],
  bundler: [{ module: 'esnext', moduleResolution: 'bundler' }, ['ts']],
  node10: [{ module: 'commonjs', moduleResolution: 'node10' }, ['cts']],
} as const
type Resolution = keyof typeof RESOLUTIONS
const ALL: readonly Resolution[] = ['node16', 'nodenext', 'bundler', 'node10']
/** `npm test` compiles each way once, everything takes two minutes. TypeScript 7 has no `node10`. */
const COMPILERS: readonly (readonly [version: string, tsc: string, daily: readonly Resolution[], all: readonly Resolution[]])[] = [
  ['5.0', join(STARTER, 'node_modules', 'typescript50', 'bin', 'tsc'), ['node16'], ALL],
  ['5.4', join(STARTER, 'node_modules', 'typescript54', 'bin', 'tsc'), [], ALL],
  ['5.9', join(STARTER, 'node_modules', 'typescript', 'bin', 'tsc'), ['node10'], ALL],
  ['7', binary('typescript', 'tsc'), ['nodenext', 'bundler'], ['node16', 'nodenext', 'bundler']],
]
const runs = COMPILERS.map(([version, tsc, daily, all]) => [version, tsc, isFull ? all : daily] as const)
describe.each(runs.filter(([, , ways]) => ways.length > 0))('TypeScript %s', (version, tsc, ways) => {
  // From 5.9 on, `nodenext` lets CommonJS load an ES module.
  const loadsEsm = (how: Resolution): boolean => how === 'nodenext' && (version === '5.9' || version === '7')
  test.each(ways)('F20: reads the types under %s, from ESM and from CommonJS', (how) => {
    const [options, extensions] = RESOLUTIONS[how]
    const write = (folder: string, name: string, extension: string, text: string): string => {
      writeFileSync(join(consumer, folder, `${name}.${extension}`), text)
      return join(folder, `${name}.${extension}`)
    }
    const files = extensions.flatMap((extension) => {
      const isCommonJs = extension === 'cts'
      const ofAdapters = Object.entries(ADAPTERS).flatMap(([name, { types }]) => {
        // These frameworks have no types that CommonJS can read before `nodenext` of 5.9.
        const isEsm = (name === 'hono' || name === 'nestjs') && isCommonJs && !loadsEsm(how)
        const own = isEsm ? [] : [write('.', `types-${name}`, extension, types)]
        return name === 'nestjs' ? [...own, write('nest11', `types-${name}`, extension, types)] : own
      })
      return [write('.', 'types', extension, TYPES), ...ofAdapters]
    })
    if (version !== '5.0' && extensions.length > 1) files.push(write('.', 'identity', 'cts', IDENTITY))
    const compilerOptions = {
      target: 'es2022',
      lib: ['es2023'],
      types: ['node'],
      strict: true,
      esModuleInterop: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      noEmit: true,
      ...options,
    }
    writeFileSync(join(consumer, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
    const { output } = runToEnd(process.execPath, [tsc, '-p', '.'], consumer)
    // The types of a framework may need a newer compiler, or need another way to resolve.
    const errors = output.split(/\n(?=\S)/).slice(1)
    const isOurs = (error: string): boolean => !/^[^(:]*node_modules\/(?!@sluice\/)/.test(error)
    expect(errors.filter(isOurs)).toEqual([])
  })
})
