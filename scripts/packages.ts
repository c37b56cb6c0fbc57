// Packages by the name that a developer types: a folder of packages/. What to compile and to test for each.
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import config from '../vitest.config.ts'
import { ROOT } from './steps.ts'

interface Project {
  readonly test: { readonly name: string; readonly root: string }
}

const projects = config.test?.projects as readonly Project[]

/** The folder of a package that another branch added stays behind with its installed packages, and is none here. */
export function packageNames(): readonly string[] {
  return readdirSync(join(ROOT, 'packages'))
    .filter((name) => existsSync(join(ROOT, 'packages', name, 'package.json')))
    .toSorted()
}

/** The folders for `tsc -b`: the package and its tests. */
export function typesOf(name: string): readonly string[] {
  return globSync(`packages/${name}/**/tsconfig.json`, { cwd: ROOT, exclude: ['**/node_modules'] }).map((file) => dirname(file))
}

/** The projects of vitest.config.ts whose tests lie in the package. Nest has one for each version. */
export function projectsOf(name: string): readonly string[] {
  return projects.filter(({ test }) => `${test.root}/`.startsWith(`packages/${name}/`)).map(({ test }) => test.name)
}

/** What a test imports to start a server: Redis, a database, workerd, Bun or Deno. */
const SERVERS =
  /from '(?:@sluice\/testing\/(?:browser|clickhouse|dynamodb|etcd|kafka|prometheus|redis|runtimes|shells|sql|workerd)|(?:\.\.\/)+src\/(?:browser|clickhouse|dynamodb|etcd|kafka|prometheus|redis|runtimes|sql|workerd)\/[^']*)'/
/** What a test of test-e2e imports to start a program besides: those without it read the sources and the docs, in seconds. */
const PROGRAMS = /from 'node:(?:child_process|http|net)'/

/** The test files that start no server, neither themselves nor by a module beside them. */
export function filesWithoutServers(): readonly string[] {
  const ofPackages = globSync('packages/*/test/**/*.test.ts', { cwd: ROOT, exclude: ['**/node_modules'] })
  const ofAll = globSync('test-e2e/*.test.ts', { cwd: ROOT })
  return [
    ...ofPackages.filter((file) => !reaches(join(ROOT, file), [SERVERS])),
    ...ofAll.filter((file) => !reaches(join(ROOT, file), [SERVERS, PROGRAMS])),
  ]
}

/** Whether the file, or a module beside it that it imports, has an import of these. */
function reaches(file: string, imports: readonly RegExp[], seen: Set<string> = new Set()): boolean {
  if (seen.has(file)) return false
  seen.add(file)
  const text = readFileSync(file, 'utf8')
  if (imports.some((each) => each.test(text))) return true
  const besides = Array.from(text.matchAll(/(?:from|import\() ?'(\.\.?\/[^']*\.ts)'/g), ([, path]) => resolve(dirname(file), path!))
  return besides.filter((path) => !path.includes('/src/')).some((path) => reaches(path, imports, seen))
}
