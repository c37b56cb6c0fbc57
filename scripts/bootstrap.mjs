// Sets the workspace up, then runs a task in it: `node scripts/bootstrap.mjs start|test|faults|audit|simulate|bench`. Plain JavaScript on
// Node ≥ 20.19 with nothing installed. Once everything is in place it installs nothing and asks no network.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { basename, delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** @type {Record<string, string[]>} What the workspace's own Node runs, per task. */
const TASKS = {
  start: ['--conditions=source', 'examples/express/main.ts'],
  test: ['scripts/test.ts'],
  faults: ['scripts/faults.ts'],
  audit: ['scripts/audit.ts'],
  simulate: ['--conditions=source', 'test-e2e/simulate/main.ts'],
  bench: ['--conditions=source', 'scripts/bench.ts'],
}
const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')
const NODE = join(ROOT, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
const PNPM = join(ROOT, '.tools', 'node_modules', 'pnpm')
const STAMP = join(ROOT, 'node_modules', '.sluice-installed')

const task = TASKS[process.argv[2] ?? '']
if (task === undefined) fail(`Usage: node scripts/bootstrap.mjs ${Object.keys(TASKS).join('|')}`)
checkNode()
installPnpm()
installWorkspace(process.argv[2] === 'start' ? 'start' : 'all')
run([...task, ...process.argv.slice(3)])

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return
  fail(`Sluice needs Node 20.19 or newer; this is ${process.version}.`)
}

function installPnpm() {
  const wanted = json('package.json').packageManager.replace('pnpm@', '')
  if (existsSync(join(PNPM, 'package.json')) && json('.tools/node_modules/pnpm/package.json').version === wanted) return
  console.log(`Fetching pnpm ${wanted} into .tools (once)…`)
  // Under `npm start` npm tells where it is; a bare `npm` needs a shell on Windows, where it is a script.
  const npm = process.env['npm_execpath'] ?? ''
  const options = ['--prefix', '.tools', '--no-save', '--no-package-lock', '--no-audit', '--no-fund', `pnpm@${wanted}`]
  if (basename(npm) === 'npm-cli.js') quietly(process.execPath, [npm, 'install', ...options])
  else quietly('npm', ['install', ...options], process.platform === 'win32')
}

/** What the task needs: to see the example run, nobody has to wait for the other frameworks and runtimes. @param {'start' | 'all'} what */
function installWorkspace(what) {
  const hash = manifestsHash()
  const stamp = existsSync(STAMP) && existsSync(NODE) ? readFileSync(STAMP, 'utf8') : ''
  if (stamp === `${hash} all` || stamp === `${hash} ${what}`) return
  console.log(`Installing ${what === 'all' ? 'the workspace (once, about a minute)' : 'what the example needs (once, about 20 s)'}…`)
  rmSync(STAMP, { force: true })
  const part = what === 'all' ? [] : ['--filter', 'sluice-workspace', '--filter-prod', '@sluice/example-express...']
  quietly(process.execPath, [join(PNPM, 'bin', 'pnpm.mjs'), 'install', '--frozen-lockfile', ...part])
  if (!existsSync(NODE)) fail(`The install brought no Node for ${process.platform}-${process.arch}: ${NODE} is missing.`)
  writeFileSync(STAMP, `${hash} ${what}`)
}

/** Everything that an install depends on: another hash, another install. */
function manifestsHash() {
  const groups = ['packages', 'examples'].flatMap((group) => readdirSync(join(ROOT, group)).map((name) => join(group, name)))
  const manifests = ['.', 'bench', 'test-e2e', ...groups.toSorted()].map((folder) => join(folder, 'package.json'))
  const hash = createHash('sha256').update(`${process.platform}-${process.arch}`)
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml', ...manifests]) {
    if (existsSync(join(ROOT, file))) hash.update(`\n${file}\n`).update(readFileSync(join(ROOT, file)))
  }
  return hash.digest('hex')
}

/** Runs an installer and shows what it said only if it failed: pnpm warns that the tools want a newer Node, which they get.
 * @param {string} command @param {string[]} args @param {boolean} [shell] */
function quietly(command, args, shell = false) {
  const { status, error, stdout, stderr } = spawnSync(command, args, { cwd: ROOT, shell, encoding: 'utf8', maxBuffer: 2 ** 26 })
  if (status === 0) return
  const said = `${stdout ?? ''}${stderr ?? ''}${error ?? ''}`.trim()
  const offline = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|FETCH_FAIL|NO_OFFLINE/.test(said)
  fail(
    `${said}\n\n${offline ? 'The npm registry could not be reached. The first run needs it; later runs work offline.' : 'The install failed.'}`,
  )
}

/** Runs the task to its end and exits as it did. @param {string[]} args */
function run(args) {
  process.env['PATH'] = [dirname(NODE), join(ROOT, 'node_modules', '.bin'), process.env['PATH']].join(delimiter)
  const child = spawn(NODE, args, { cwd: ROOT, stdio: 'inherit' })
  // A terminal sends Ctrl-C to the child too, and a child told twice may not end cleanly; anyone else tells this process alone.
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
