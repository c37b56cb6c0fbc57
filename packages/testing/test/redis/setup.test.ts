import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'

const SCRIPT = fileURLToPath(new URL('../../../../scripts/redis.ts', import.meta.url))
const isRoot = process.platform === 'linux' && process.getuid?.() === 0
/** The only folder on PATH. */
let bin: string
beforeEach(() => {
  bin = mkdtempSync(join(tmpdir(), 'sluice-bin-'))
})
afterEach(() => rmSync(bin, { recursive: true }))

function program(name: string, ...lines: string[]): void {
  writeFileSync(join(bin, name), ['#!/bin/sh', ...lines, ''].join('\n'))
  chmodSync(join(bin, name), 0o755)
}
function setUp(env: Record<string, string> = {}): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT], {
    env: { PATH: bin, ...env },
    encoding: 'utf8',
    timeout: 50_000,
  })
  expect(stderr).toBe('')
  expect(status).toBe(0)
  return stdout
}

test('a suitable redis-server on PATH: does nothing', () => {
  program('redis-server', 'echo "Redis server v=7.0.15 sha=00000000:0"')
  program('apt-get', `echo called > "${join(bin, 'calls')}"`)
  expect(setUp()).toBe('')
  expect(existsSync(join(bin, 'calls'))).toBe(false)
})

test('too old, or SLUICE_REDIS_SERVER does not run: says how to install it', () => {
  program('redis-server', 'echo "Redis server v=6.0.16 sha=00000000:0"')
  expect(setUp()).toMatch(/needs? Redis 6.2 or newer, and redis-server on PATH is 6.0.\n.*sudo apt-get install redis-server/)
  expect(setUp({ SLUICE_REDIS_SERVER: '/none' })).toMatch(/^The tests .* SLUICE_REDIS_SERVER \(\/none\) does not run/)
})

test('missing: installs it as root where apt is there, updating the lists if needed; otherwise says how', () => {
  const calls = join(bin, 'calls')
  program(
    'apt-get',
    `echo "$* $RUNLEVEL" >> "${calls}"`,
    `[ "$1" = update ] && : > "${join(bin, 'lists')}"`,
    `[ "$1" = install ] && [ ! -e "${join(bin, 'lists')}" ] && exit 100`,
    `[ "$1" = install ] && printf '#!/bin/sh\\necho v=7.0.15\\n' > "${join(bin, 'redis-server')}" && /bin/chmod +x "${join(bin, 'redis-server')}"`,
    'exit 0',
  )
  expect(setUp()).toMatch(isRoot ? /^Installing redis-server for the tests \(once\)…\n$/ : /sudo apt-get install redis-server/)
  const called = existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n') : []
  const install = 'install -y --no-install-recommends redis-server 1'
  expect(called).toEqual(isRoot ? ['--version 1', install, 'update 1', install] : [])
  expect(setUp() === '').toBe(isRoot)
})

test('missing, and apt-get fails: prints its output and how to install it', () => {
  program('apt-get', '[ "$1" = --version ] && exit 0', 'echo "E: no network" >&2', 'exit 100')
  const output = setUp()
  expect(output).toContain('sudo apt-get install redis-server')
  expect(output.includes('E: no network')).toBe(isRoot)
})
