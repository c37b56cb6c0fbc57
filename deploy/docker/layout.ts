// Writes what the image has into a folder: `node deploy/docker/layout.ts FOLDER`. FOLDER/node_modules gets the built packages, as npm would install
// them, and their dependencies, in the versions of pnpm-lock.yaml. It needs `node scripts/bootstrap.mjs setup` before, and no network.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'

const ROOT = join(import.meta.dirname, '../..')
/** What is started. Its dependencies follow. */
const PROGRAM = '@sluice/cli'

interface Manifest {
  readonly name: string
  readonly version: string
  readonly dependencies?: Readonly<Record<string, string>>
}

const folder = process.argv[2]
if (folder === undefined) throw new Error('Expected a folder:  node deploy/docker/layout.ts FOLDER')
const modules = join(folder, 'node_modules')
rmSync(modules, { recursive: true, force: true })
mkdirSync(modules, { recursive: true })

const own = new Set<string>()
/** Where a package of others is in the workspace, by its place below `folder`. */
const copied = new Map<string, string>()
add(join(ROOT, 'packages', PROGRAM.slice('@sluice/'.length)), modules)
build([...own])
for (const [place, source] of copied)
  cpSync(source, place, { recursive: true, dereference: true, filter: (path) => !path.slice(source.length).includes('node_modules') })
cpSync(join(import.meta.dirname, 'health.mjs'), join(folder, 'health.mjs'))
console.log(`${folder} has ${own.size} packages of Sluice and ${copied.size} others.`)

/** Notes the dependencies of the package at `source`, which is installed so that `above` is looked in. */
function add(source: string, above: string): void {
  const { name, dependencies = {} } = manifestOf(source)
  if (own.has(name)) return
  if (name.startsWith('@sluice/')) own.add(name)
  for (const dependency of Object.keys(dependencies)) {
    const found = locate(dependency, source)
    if (dependency.startsWith('@sluice/')) add(found, modules)
    else place(dependency, found, above)
  }
}

/** Puts a package beside all others, or below the one that needs it where another version is there already. */
function place(name: string, source: string, above: string): void {
  const common = join(modules, name)
  const there = copied.get(common)
  if (there === source) return
  const at = there === undefined ? common : join(above, name)
  if (copied.get(at) === source) return
  copied.set(at, source)
  add(source, join(at, 'node_modules'))
}

function locate(name: string, from: string): string {
  // pnpm links the dependencies of a package beside it, or below it.
  for (let at = realpathSync(from); at !== dirname(at); at = dirname(at)) {
    const found = join(at, 'node_modules', name)
    if (existsSync(found)) return realpathSync(found)
  }
  throw new Error(`${from} needs ${name}, which is not installed. Run  node scripts/bootstrap.mjs setup`)
}

function manifestOf(source: string): Manifest {
  return JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')) as Manifest
}

function build(names: readonly string[]): void {
  const packages = names.map((name) => name.slice('@sluice/'.length))
  const script = join(ROOT, 'scripts/build.ts')
  const { status } = spawnSync(process.execPath, [script, '--into', modules, ...packages], { cwd: ROOT, stdio: 'inherit' })
  if (status !== 0) throw new Error('The packages could not be built.')
}
