// Builds what is published: `node scripts/build.ts [package…]` writes packages/<name>/dist. With `--into <folder>` it writes
// <folder>/@sluice/<name> instead, as npm would install the package.
//
// Each package has its code twice, from the same sources: ES modules in dist, and CommonJS in dist/cjs. `exports` makes sure that a
// process loads one of the two: docs/decisions/0034-commonjs.md. `tsc -b` checks the types, so nothing is checked here.
import { spawnSync } from 'node:child_process'
import { cpSync, globSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { buildConsole } from './console.ts'
import { ROOT } from './steps.ts'

/**
 * Their declarations import those of an ES module, which TypeScript refuses in CommonJS under `node16`. So ES modules need declarations
 * of their own. All others have one set for both, so that a type is the same type in both.
 */
const DECLARED_TWICE: ReadonlySet<string> = new Set(['hono', 'nestjs'])
/** ms. A build takes seconds. */
const TIMEOUT = 100_000

interface Manifest {
  readonly private?: boolean
  readonly files: readonly string[]
  readonly exports: Readonly<Record<string, string | { readonly source: string }>>
}

const { values, positionals } = parseArgs({ allowPositionals: true, options: { into: { type: 'string' } } })
const names = positionals.length > 0 ? positionals : published()
if (names.includes('server')) await buildConsole()
for (const name of names) {
  rmSync(dist(name), { recursive: true, force: true })
  if (values.into !== undefined)
    for (const part of ['package.json', ...manifestOf(name).files.filter((each) => each !== 'dist')])
      cpSync(join(ROOT, 'packages', name, part), join(dist(name), '..', part), { recursive: true })
}
compile()
for (const name of names) {
  writeEntries(name)
  replaceDirname(join(dist(name), 'cjs'))
}

function published(): readonly string[] {
  return readdirSync(join(ROOT, 'packages')).filter((name) => manifestOf(name).private !== true)
}

function manifestOf(name: string): Manifest {
  return JSON.parse(readFileSync(join(ROOT, 'packages', name, 'package.json'), 'utf8')) as Manifest
}

function dist(name: string): string {
  return values.into === undefined ? join(ROOT, 'packages', name, 'dist') : join(values.into, '@sluice', name, 'dist')
}

function compile(): void {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-build-'))
  const configs = names.flatMap((name) => {
    const forms = [
      { form: 'esm', declaration: DECLARED_TWICE.has(name), options: { outDir: dist(name) } },
      // A dynamic import() becomes require(), since Jest cannot import.
      {
        form: 'cjs',
        declaration: true,
        options: { outDir: join(dist(name), 'cjs'), module: 'commonjs', moduleResolution: 'bundler', verbatimModuleSyntax: false },
      },
    ]
    return forms.map(({ form, declaration, options }) => {
      const sources = join(ROOT, 'packages', name, 'src')
      const file = join(folder, `${name}.${form}.json`)
      // Each file is emitted by itself: no import is followed, into another package or into a framework.
      const compilerOptions = { composite: false, incremental: false, noCheck: true, noResolve: true, rootDir: sources, ...options }
      const emitted = { emitDeclarationOnly: false, declaration, declarationMap: declaration, isolatedDeclarations: declaration }
      const config = { extends: join(ROOT, 'tsconfig.base.json'), compilerOptions: { ...compilerOptions, ...emitted }, include: [sources] }
      writeFileSync(file, JSON.stringify(config))
      return file
    })
  })
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
  const { status, stdout, stderr, error } = spawnSync(process.execPath, [tsc, '-b', ...configs], { encoding: 'utf8', timeout: TIMEOUT })
  rmSync(folder, { recursive: true })
  if (status !== 0) throw new Error(`tsc: ${stdout}${stderr}${error?.message ?? ''}`)
}

/** What joins the two forms at each public entry. */
function writeEntries(name: string): void {
  const out = dist(name)
  for (const target of Object.values(manifestOf(name).exports)) {
    if (typeof target === 'string') continue
    const entry = target.source.slice('./src/'.length, -'.ts'.length)
    // For `import` where Node cannot require() an ES module, so that it gets the same modules as require().
    writeFileSync(join(out, 'cjs', `${entry}.mjs`), `export * from './${entry.split('/').at(-1)}.js'\n`)
    if (DECLARED_TWICE.has(name)) continue
    const up = '../'.repeat(entry.split('/').length - 1) || './'
    writeFileSync(join(out, `${entry}.d.ts`), `export * from '${up}cjs/${entry}.js'\n`)
  }
  writeFileSync(join(out, 'cjs', 'package.json'), `${JSON.stringify({ type: 'commonjs', sideEffects: false }, null, 2)}\n`)
}

/** A CommonJS module has no `import.meta`. The compiler leaves it as it is, which would be a syntax error. */
function replaceDirname(folder: string): void {
  for (const file of globSync('**/*.js', { cwd: folder }).map((each) => join(folder, each))) {
    const code = readFileSync(file, 'utf8')
    if (code.includes('import.meta.dirname')) writeFileSync(file, code.replaceAll('import.meta.dirname', '__dirname'))
  }
}
