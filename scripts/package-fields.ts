// Writes what all packages have in common: the fields below into each package.json, a copy of LICENSE beside it, and the page of the
// errors that each message names. `npm run generate` writes. `--check` writes nothing and fails where something differs. `--release` fails
// as well while REPOSITORY is empty.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageNames } from './packages.ts'

/**
 * The address of the repository, such as `https://github.com/owner/sluice`. Fill it in here and run `npm run generate`.
 * While it is empty, no package.json has the fields `homepage`, `repository` and `bugs`, and messages name a path in the repository.
 */
const REPOSITORY: string = ''

const ROOT = join(import.meta.dirname, '..')
const COMMAND = 'npm run generate'
/** The order of the fields in a package.json. Fields that are not in this list keep their order and follow. */
const ORDER =
  'name version private description keywords license homepage repository bugs type engines scripts sideEffects main types typesVersions exports files'.split(
    ' ',
  )

type Manifest = Readonly<Record<string, unknown>>
/** The public entries of a package. The file that `source` names says where their build is. */
type Entries = Readonly<Record<string, string | { readonly source: string }>>

const isChecking = process.argv.includes('--check') || process.argv.includes('--release')
const problems: string[] = []

keep('packages/core/src/errors-page.ts', errorsPage())
for (const folder of ['cli', 'server']) keep(`packages/${folder}/src/version.ts`, versionOf(folder))
for (const folder of packageNames()) {
  const file = `packages/${folder}/package.json`
  const manifest = JSON.parse(read(file)) as Manifest
  keep(file, `${JSON.stringify(completed(manifest, folder), null, 2)}\n`)
  if (manifest['private'] !== true) keep(`packages/${folder}/LICENSE`, read('LICENSE'))
}
if (process.argv.includes('--release') && REPOSITORY === '')
  problems.push(
    'The packages cannot be released: npm compares their `repository` field with the repository that builds them, and they have none. ' +
      `Set REPOSITORY in scripts/package-fields.ts, then run  ${COMMAND}`,
  )
if (problems.length > 0) {
  console.error(problems.join('\n'))
  process.exitCode = 1
}

function completed(manifest: Manifest, folder: string): Manifest {
  const { homepage: _homepage, repository: _repository, bugs: _bugs, ...own } = manifest
  const isPrivate = own['private'] === true
  const fields: Manifest = { ...own, ...common(folder, isPrivate), ...(isPrivate ? {} : published(folder, own['exports'] as Entries)) }
  const names = [...ORDER, ...Object.keys(fields)].filter((name) => name in fields)
  return Object.fromEntries(names.map((name) => [name, fields[name]]))
}

function common(folder: string, isPrivate: boolean): Manifest {
  return {
    license: 'MIT',
    type: 'module',
    scripts: {
      ...(isPrivate ? {} : { build: `node ../../scripts/bootstrap.mjs build ${folder}` }),
      test: `node ../../scripts/bootstrap.mjs test --package ${folder}`,
    },
  }
}

function published(folder: string, entries: Entries): Manifest {
  const fields = { engines: { node: '>=20.19' }, ...loading(entries), publishConfig: { access: 'public' } }
  if (REPOSITORY === '') return fields
  return {
    ...fields,
    homepage: `${REPOSITORY}/tree/main/packages/${folder}#readme`,
    repository: { type: 'git', url: `git+${REPOSITORY}.git`, directory: `packages/${folder}` },
    bugs: `${REPOSITORY}/issues`,
  }
}

function errorsPage(): string {
  const path = 'docs/errors.md'
  return [
    '// Written by scripts/package-fields.ts from the address of the repository.',
    '/** The page with a section for each code. Every message ends with it. */',
    `export const ERRORS_PAGE = '${REPOSITORY === '' ? path : `${REPOSITORY}/blob/main/${path}`}'`,
    '',
  ].join('\n')
}

/** A program says its own version without a look at the files around it. */
function versionOf(folder: string): string {
  const { version } = JSON.parse(read(`packages/${folder}/package.json`)) as { readonly version: string }
  return `// Written by scripts/package-fields.ts from package.json.\nexport const VERSION = '${version}'\n`
}

/** Which build a program loads: docs/decisions/0034-commonjs.md. */
function loading(entries: Entries): Manifest {
  const paths = Object.entries(entries).flatMap(([name, target]) =>
    typeof target === 'string' ? [] : [[name, target.source.slice('./src/'.length, -'.ts'.length)] as const],
  )
  // Data, such as a schema, is published as it is.
  const data = Object.entries(entries).filter(([, target]) => typeof target === 'string')
  // Only TypeScript's `moduleResolution: node10` reads them. It does not know `exports`.
  const besides = paths.filter(([name]) => name !== '.').map(([name, path]) => [name.slice('./'.length), [`./dist/cjs/${path}.d.ts`]])
  return {
    main: './dist/cjs/index.js',
    types: './dist/cjs/index.d.ts',
    ...(besides.length > 0 ? { typesVersions: { '*': Object.fromEntries(besides) } } : {}),
    exports: {
      ...Object.fromEntries(paths.map(([name, path]) => [name, conditions(path)])),
      ...Object.fromEntries(data),
      './package.json': './package.json',
    },
  }
}

/** The first condition that a program knows decides, so their order matters. */
function conditions(path: string): Manifest {
  const [esm, commonjs] = [`./dist/${path}`, `./dist/cjs/${path}`]
  return {
    source: `./src/${path}.ts`,
    types: { require: `${commonjs}.d.ts`, default: `${esm}.d.ts` },
    'module-sync': `${esm}.js`,
    module: `${esm}.js`,
    require: `${commonjs}.js`,
    node: `${commonjs}.mjs`,
    default: `${esm}.js`,
  }
}

function keep(file: string, text: string): void {
  if (existsSync(join(ROOT, file)) && read(file) === text) return
  if (isChecking) problems.push(`${file} is not what scripts/package-fields.ts writes. Run  ${COMMAND}`)
  else writeFileSync(join(ROOT, file), text)
}

function read(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8')
}
