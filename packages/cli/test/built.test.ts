// What npm installs: the built program, started through a link in node_modules/.bin.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { plainEnvironment } from '@sluice/testing/processes'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { documentText, newFolder } from './sluice.ts'

const ROOT = join(import.meta.dirname, '../../..')
const project = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-built-')))
const modules = join(project, 'node_modules')
const program = join(modules, '.bin', 'sluice')
const folder = newFolder()

beforeAll(() => {
  const packages = ['core', 'policies', 'blocklist', 'redis', 'etcd', 'telemetry', 'server', 'cli']
  const { status, stderr } = spawnSync(process.execPath, ['scripts/build.ts', '--into', modules, ...packages], {
    cwd: ROOT,
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(stderr)
  for (const owner of packages) linkDependencies(join(ROOT, 'packages', owner))
  mkdirSync(join(modules, '.bin'))
  // As npm does.
  chmodSync(join(modules, '@sluice/cli/dist/bin.js'), 0o755)
  symlinkSync('../@sluice/cli/dist/bin.js', program)
}, 120_000)
afterAll(() => rmSync(project, { recursive: true, force: true }))

/** What npm installs beside a package. Other packages of Sluice are built. */
function linkDependencies(folder: string): void {
  const { dependencies = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { dependencies?: Record<string, string> }
  for (const name of Object.keys(dependencies)) {
    const link = join(modules, name)
    if (name.startsWith('@sluice/') || existsSync(link)) continue
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(realpathSync(join(folder, 'node_modules', name)), link)
  }
}

const run = (args: readonly string[]) => {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', input: '' })
  return { status, out: stdout, err: stderr }
}

describe('the built program', () => {
  const policy = folder.file('sluice.yaml', documentText(1))

  test('has the version of its package', () => {
    const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')) as { readonly version: string }
    expect(run(['--version'])).toEqual({ status: 0, out: `${version}\n`, err: '' })
  })

  test('replays a log in a process of bounded memory', () => {
    const log = folder.file('access.log', '203.0.113.7 - - [30/Nov/2026:08:00:00 +0000] "GET / HTTP/1.1" 200 1\n'.repeat(3))
    expect(run(['policies', 'replay', log, '--policy', policy])).toMatchObject({
      status: 0,
      err: '',
      out: expect.stringContaining('3 limited, 1 refused'),
    })
    expect(run(['replay', log, '--policy', policy]).out).toContain('3 limited, 1 refused')
    expect(run(['policies', 'replay', policy, '--policy', policy])).toMatchObject({
      status: 2,
      err: expect.stringContaining('line 1: expected a line of an access log'),
    })
  })

  test('publishes to a file, and loads the client of a store only when it is needed', () => {
    expect(run(['policies', 'publish', policy, '--to', `file:${join(folder.path, 'live.yaml')}`])).toMatchObject({ status: 0, err: '' })
    expect(run(['policies', 'history', '--to', 'redis://127.0.0.1:1'])).toMatchObject({
      status: 2,
      err: expect.stringContaining('cannot be reached'),
    })
    for (const args of [['top'], ['blocks']])
      expect(run([...args, '--redis', 'redis://127.0.0.1:1'])).toMatchObject({
        status: 2,
        err: expect.stringContaining('cannot be reached'),
      })
    expect(run(['policies', 'history', '--to', 'etcd://127.0.0.1:1'])).toMatchObject({
      status: 2,
      err: expect.stringContaining('cannot be reached'),
    })
  })

  test('serves, and ends by a signal', async () => {
    const child = spawn(program, ['serve', '--port', '0', '--json'], { env: plainEnvironment(), stdio: ['ignore', 'pipe', 'inherit'] })
    onTestFinished(() => void child.kill('SIGKILL'))
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    const { http } = JSON.parse(String(line)) as { readonly http: string }
    expect((await fetch(`${http}/check?user_id=ada`)).status).toBe(200)
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([0, null])
  })

  test('is loaded by require and import as a library', () => {
    const code = `const { runCli } = require('@sluice/cli'); import('@sluice/cli').then((esm) => console.log(typeof runCli, typeof esm.runCli))`
    const { stdout } = spawnSync(process.execPath, ['-e', code], { cwd: project, encoding: 'utf8' })
    expect(stdout).toBe('function function\n')
  })
})
