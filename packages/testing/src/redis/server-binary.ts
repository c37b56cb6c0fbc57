/// <reference types="node" />
import { execFile } from 'node:child_process'

const OLDEST: readonly [number, number] = [6, 2]
const INSTRUCTIONS = [
  'Debian, Ubuntu: sudo apt-get install redis-server',
  'macOS: brew install redis',
  'anywhere: SLUICE_REDIS_SERVER=/path/to/redis-server',
]

let found: Promise<string> | undefined

/**
 * The path of `redis-server`: SLUICE_REDIS_SERVER, else the one on PATH. Rejects with how to install it; no test is skipped. For TLS,
 * SLUICE_REDIS_TLS_SERVER comes first, since some builds have no TLS.
 */
export function redisServerBinary(tls = false): Promise<string> {
  const forTls = tls ? process.env['SLUICE_REDIS_TLS_SERVER'] : undefined
  if (forTls) return Promise.resolve(forTls)
  // Only a success is cached, since scripts/redis.ts checks, installs, and checks again.
  found ??= find().catch((error: unknown) => {
    found = undefined
    throw error
  })
  return found
}

async function find(): Promise<string> {
  const named = process.env['SLUICE_REDIS_SERVER']
  const binary = named || 'redis-server'
  const where = named ? `SLUICE_REDIS_SERVER (${named})` : 'redis-server on PATH'
  const version = await versionOf(binary)
  if (version === undefined)
    throw new Error(withInstructions(`The tests need Redis ${OLDEST.join('.')} or newer, and ${where} does not run.`))
  const [major, minor] = version
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return binary
  throw new Error(withInstructions(`The tests need Redis ${OLDEST.join('.')} or newer, and ${where} is ${major}.${minor}.`))
}

function versionOf(binary: string): Promise<readonly [number, number] | undefined> {
  return new Promise((resolve) => {
    execFile(binary, ['--version'], { timeout: 10_000 }, (error, stdout) => {
      const [, major, minor] = /\bv=(\d+)\.(\d+)/.exec(stdout) ?? []
      resolve(error || major === undefined ? undefined : [Number(major), Number(minor)])
    })
  })
}

function withInstructions(problem: string): string {
  return [problem, ...INSTRUCTIONS.map((line) => `  ${line}`)].join('\n')
}
