// Installs what a task needs, then runs the task: `node scripts/bootstrap.mjs start|test|…`. Plain JavaScript, since it runs on Node 20.19
// with nothing installed. When everything is installed already, it needs no network. The task `setup` only installs.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { basename, delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pnpmProgress, runWithProgress } from './progress.mjs'

/** @type {Record<string, string[]>} The arguments of Node for each task. */
const TASKS = {
  setup: [],
  start: ['--conditions=source', 'examples/express/main.ts'],
  platform: ['--conditions=source', 'examples/policies/main.ts'],
  // kafkajs 2 sets a timer of a time that is over, which Node warns of.
  observability: ['--conditions=source', '--disable-warning=TimeoutNegativeWarning', 'examples/observability/main.ts'],
  regions: ['--conditions=source', '--disable-warning=TimeoutNegativeWarning', 'examples/regions/main.ts'],
  check: ['scripts/check.ts'],
  test: ['scripts/test.ts'],
  'test-all': ['scripts/test.ts', '--all'],
  faults: ['scripts/faults.ts'],
  audit: ['scripts/audit.ts'],
  simulate: ['--conditions=source', 'test-e2e/support/simulation/main.ts'],
  'measure-regions': ['--conditions=source', 'test-e2e/support/region-errors/main.ts'],
  // A million subjects in ten stores need more than the default.
  'simulate-regions': ['--conditions=source', '--max-old-space-size=12000', 'test-e2e/support/region-simulation/main.ts'],
  bench: ['--conditions=source', 'scripts/bench.ts'],
  lint: ['scripts/check.ts', '--lint'],
  generate: ['scripts/generate.ts'],
  size: ['scripts/size.ts'],
  format: ['node_modules/oxfmt/bin/oxfmt', '.'],
  build: ['scripts/build.ts'],
  vitest: ['node_modules/vitest/vitest.mjs'],
  changeset: ['node_modules/@changesets/cli/bin.js'],
}
const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')
const NODE = join(ROOT, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
const PNPM = join(ROOT, '.tools', 'node_modules', 'pnpm')
const STAMP = join(ROOT, 'node_modules', '.sluice-installed')

const task = TASKS[process.argv[2] ?? '']
if (task === undefined) fail(`Usage: node scripts/bootstrap.mjs ${Object.keys(TASKS).join('|')}`)
checkNode()
await installPnpm()
const isSetup = process.argv[2] === 'setup'
await installWorkspace(process.argv[2] === 'start' ? 'start' : 'all', isSetup)
if (isSetup) console.log('Everything is installed. Next:  npm run vitest -- run --project core')
else run([...task, ...process.argv.slice(3)])

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return
  fail(`Sluice needs Node 20.19 or newer; this is ${process.version}.`)
}

async function installPnpm() {
  const wanted = json('package.json').packageManager.replace('pnpm@', '')
  if (existsSync(join(PNPM, 'package.json')) && json('.tools/node_modules/pnpm/package.json').version === wanted) return
  const options = ['--prefix', '.tools', '--no-save', '--no-package-lock', '--no-audit', '--no-fund', `pnpm@${wanted}`]
  // In an npm script, npm_execpath is npm's own program. Elsewhere `npm` needs a shell on Windows, where it is a script.
  const npm = process.env['npm_execpath'] ?? ''
  const isScript = basename(npm) === 'npm-cli.js'
  const [command, first] = isScript ? [process.execPath, [npm]] : ['npm', []]
  const problem = await runWithProgress(command, [...first, 'install', ...options], {
    cwd: ROOT,
    shell: !isScript && process.platform === 'win32',
    describe: () => `Downloading pnpm ${wanted} into .tools, once`,
  })
  if (problem !== undefined) failToInstall(problem)
}

/**
 * Installs all packages, or only the tools and the packages of the example. Fails if the lock file lacks a dependency, unless it may be
 * written.
 *
 * @param {'start' | 'all'} what
 * @param {boolean} mayWriteLock
 */
async function installWorkspace(what, mayWriteLock) {
  const hash = manifestsHash()
  const stamp = existsSync(STAMP) && existsSync(NODE) ? readFileSync(STAMP, 'utf8') : ''
  if (stamp === `${hash} all` || stamp === `${hash} ${what}`) return
  rmSync(STAMP, { force: true })
  const part = what === 'all' ? [] : ['--filter', 'sluice-workspace', '--filter-prod', '@sluice/example-express...']
  const lock = mayWriteLock ? '--no-frozen-lockfile' : '--frozen-lockfile'
  const args = [join(PNPM, 'bin', 'pnpm.mjs'), 'install', lock, '--reporter=ndjson', ...part]
  console.log('Installing from the npm registry. This happens once; later runs need no network.')
  const problem = await runWithProgress(process.execPath, args, { cwd: ROOT, ...pnpmProgress() })
  if (problem !== undefined) failToInstall(problem)
  if (!existsSync(NODE)) fail(`The install brought no Node for ${process.platform}-${process.arch}: ${NODE} is missing.`)
  // Not the hash from before: the install may have written the lock file.
  writeFileSync(STAMP, `${manifestsHash()} ${what}`)
}

/** A hash of everything that an install depends on. Another hash means another install. */
function manifestsHash() {
  const groups = ['packages', 'examples'].flatMap((group) => readdirSync(join(ROOT, group)).map((name) => join(group, name)))
  const manifests = ['.', 'bench', 'test-e2e', ...groups.toSorted()].map((folder) => join(folder, 'package.json'))
  const hash = createHash('sha256').update(`${process.platform}-${process.arch}`)
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml', ...manifests]) {
    if (existsSync(join(ROOT, file))) hash.update(`\n${file}\n`).update(readFileSync(join(ROOT, file)))
  }
  return hash.digest('hex')
}

/** @param {string} problem @returns {never} */
function failToInstall(problem) {
  if (/frozen-lockfile|OUTDATED_LOCKFILE/.test(problem))
    fail(`${problem}\n\nA package.json or the catalog asks for more than the lock file has. Run  npm run setup  and commit pnpm-lock.yaml.`)
  const isOffline =
    /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|FETCH|NO_OFFLINE|error sending request/.test(problem)
  const advice = isOffline
    ? 'The npm registry could not be reached. The first run needs it; later runs work offline.'
    : 'The install failed.'
  fail(`${problem}\n\n${advice}`)
}

/** Runs the task and exits with its code. @param {string[]} args */
function run(args) {
  process.env['PATH'] = [dirname(NODE), join(ROOT, 'node_modules', '.bin'), process.env['PATH']].join(delimiter)
  const child = spawn(NODE, args, { cwd: ROOT, stdio: 'inherit' })
  // A terminal sends Ctrl-C to the child as well, and a second signal could interrupt its clean end. Other senders signal this process only.
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'))
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  child.on('error', (error) => fail(`Could not run ${NODE}: ${error.message}`))
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal ?? 'SIGTERM']))
}

/** @param {string} file */
function json(file) {
  return JSON.parse(readFileSync(join(ROOT, file), 'utf8'))
}

/** @param {string} message @returns {never} */
function fail(message) {
  console.error(message)
  process.exit(1)
}
