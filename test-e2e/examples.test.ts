// Each framework's example as a person has it: one command, real responses, ended by Ctrl-C. They are one program, written for
// one framework after the other: two plans by API key, two limits each, and a limit on the address.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { waitUntil } from '@sluice/testing/redis'
import { afterEach, describe, expect, test } from 'vitest'
import { binary, ROOT } from './support/workspace.ts'

interface Example {
  /** Its folder in `examples/`. */
  readonly name: string
  /** What runs there; default Node on `main.ts`. It listens on `PORT` (0: any), says `http://…`, and ends at SIGINT with code 0. */
  readonly command?: readonly [string, ...string[]]
}

// Decorators are compiled first; then Node takes the shell's place, so that it gets the signal.
const COMPILED = `"${process.execPath}" "${binary('typescript', 'tsc')}" -b && exec "${process.execPath}" --conditions=source dist/main.js`
const EXAMPLES: readonly Example[] = [
  { name: 'fastify' },
  { name: 'koa' },
  { name: 'hono' },
  { name: 'nestjs', command: ['sh', '-c', COMPILED] },
]

let child: ChildProcess | undefined
afterEach(() => child?.kill('SIGKILL'))

describe.each(EXAMPLES)('examples/$name', ({ name, command = [process.execPath, '--conditions=source', 'main.ts'] }) => {
  test('two plans, one limit on the address, 429 with all that a client needs, a clean end', async () => {
    const { url, end } = await start(name, command)
    const get = async (key: string) => {
      const response = await fetch(url, { headers: { 'x-api-key': key } })
      return { status: response.status, headers: response.headers, text: await response.text() }
    }

    const free = await get('key-of-ann')
    expect(free).toMatchObject({ status: 200, text: '{"plan":"free","left":4}' })
    expect(free.headers.get('ratelimit-policy')).toBe('"minute";q=5;w=60, "day";q=1000;w=86400, "address";q=30;w=60')
    expect(free.headers.get('ratelimit')).toMatch(/^"minute";r=4;t=\d+, "day";r=999;t=\d+, "address";r=29;t=\d+$/)
    for (const left of [3, 2, 1, 0]) expect((await get('key-of-ann')).text).toBe(`{"plan":"free","left":${left}}`)

    const refused = await get('key-of-ann')
    expect(refused.status).toBe(429)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(refused.headers.get('content-type')).toBe('application/problem+json')
    expect(JSON.parse(refused.text)).toMatchObject({ status: 429, 'violated-policies': ['minute'] })

    // The refusal took nothing, so five of the address's 30 are spent.
    expect(await get('key-of-bob')).toMatchObject({ status: 200, text: '{"plan":"premium","left":24}' })
    for (let i = 0; i < 24; i += 1) expect((await get(`made-up-${i}`)).status).toBe(200)
    const rotated = await get('made-up-24')
    expect(JSON.parse(rotated.text)).toMatchObject({ status: 429, 'violated-policies': ['address'] })
    expect((await fetch(new URL('/health', url))).status).toBe(200)
    expect(await end()).toEqual([0, null])
  })
})

async function start(name: string, [file, ...args]: readonly [string, ...string[]]) {
  const started = spawn(file, args, {
    cwd: join(ROOT, 'examples', name),
    env: { ...process.env, PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child = started
  let said = ''
  for (const stream of [started.stdout, started.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (said += text))
  const ended = once(started, 'close')
  const saidUrl = () => /http:\/\/[^\s/]+\/?/.exec(said)?.[0]
  await waitUntil('the example to listen', () => started.exitCode !== null || saidUrl() !== undefined)
  const url = saidUrl()
  if (url === undefined) throw new Error(`It ended before it was ready:\n${said}`)
  return {
    url,
    end: () => {
      started.kill('SIGINT')
      return ended
    },
  }
}
