import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'

const SCRIPT = fileURLToPath(new URL('../../../../scripts/redis.ts', import.meta.url))
const root = process.platform === 'linux' && process.getuid?.() === 0
/** Nothing else is on PATH: what is not here is not installed. */
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
  const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT], { env: { PATH: bin, ...env }, encoding: 'utf8' })
  expect(stderr).toBe('')
  expect(status).toBe(0)
  return stdout
}

test('found: nothing happens', () => {
  program('redis-server', 'echo "Redis server v=7.0.15 sha=00000000:0"')
  program('apt-get', `echo called > "${join(bin, 'calls')}"`)
  expect(setUp()).toBe('')
  expect(existsSync(join(bin, 'calls'))).toBe(false)
})

test('too old, or named and broken: the line to type', () => {
  program('redis-server', 'echo "Redis server v=6.0.16 sha=00000000:0"')
  expect(setUp()).toMatch(/needs? Redis 6.2 or newer, and redis-server on PATH is 6.0.\n.*sudo apt-get install redis-server/)
  expect(setUp({ SLUICE_REDIS_SERVER: '/none' })).toMatch(/^The tests .* SLUICE_REDIS_SERVER \(\/none\) does not run/)
})

test('missing: installed by root, where apt is, after fetching the lists if need be; said to anybody else', () => {
  const calls = join(bin, 'calls')
  program(
    'apt-get',
    `echo "$* $RUNLEVEL" >> "${calls}"`,
    `[ "$1" = update ] && : > "${join(bin, 'lists')}"`,
    `[ "$1" = install ] && [ ! -e "${join(bin, 'lists')}" ] && exit 100`,
    `[ "$1" = install ] && printf '#!/bin/sh\\necho v=7.0.15\\n' > "${join(bin, 'redis-server')}" && /bin/chmod +x "${join(bin, 'redis-server')}"`,
    'exit 0',
  )
  expect(setUp()).toMatch(root ? /^Installing redis-server for the tests \(once\)…\n$/ : /sudo apt-get install redis-server/)
  const called = existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n') : []
  const install = 'install -y --no-install-recommends redis-server 1'
  expect(called).toEqual(root ? ['--version 1', install, 'update 1', install] : [])
  expect(setUp() === '').toBe(root)
})

test('missing, and the install fails: what it said, and the line to type', () => {
  program('apt-get', '[ "$1" = --version ] && exit 0', 'echo "E: no network" >&2', 'exit 100')
  const said = setUp()
  expect(said).toContain('sudo apt-get install redis-server')
  expect(said.includes('E: no network')).toBe(root)
})
