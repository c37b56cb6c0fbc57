// The example of each framework as a person runs it: one command, real responses, ended by Ctrl-C. All are the same program:
// two plans by API key with two limits each, and a limit on the address.
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { runProgram, type RunningProgram } from './support/running-program.ts'
import { binary, ROOT } from './support/workspace.ts'

interface Example {
  /** The folder in `examples/`. */
  readonly name: string
  /** The command, run in that folder. Default: Node on `main.ts`. It listens on `PORT` (0: any), prints `http://…`, and exits at SIGINT with code 0. */
  readonly command?: readonly [string, ...string[]]
}

// Decorators have to be compiled. `exec` lets Node replace the shell, so that it receives the signal.
const COMPILED = `"${process.execPath}" "${binary('typescript', 'tsc')}" -b && exec "${process.execPath}" --conditions=source dist/main.js`
const EXAMPLES: readonly Example[] = [
  { name: 'fastify' },
  { name: 'koa' },
  { name: 'hono' },
  { name: 'nestjs', command: ['sh', '-c', COMPILED] },
]

let program: RunningProgram | undefined
afterEach(() => program?.stop())

describe.each(EXAMPLES)('examples/$name', ({ name, command = [process.execPath, '--conditions=source', 'main.ts'] }) => {
  test('two plans, one limit on the address, complete 429 responses, a clean exit', async () => {
    const example = (program = runProgram(command, { cwd: join(ROOT, 'examples', name), env: { PORT: '0' } }))
    const [url] = await example.waitFor(/http:\/\/[^\s/]+\/?/)
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

    // The refusal charged nothing, so the address has used 5 of 30.
    expect(await get('key-of-bob')).toMatchObject({ status: 200, text: '{"plan":"premium","left":24}' })
    for (let i = 0; i < 24; i += 1) expect((await get(`made-up-${i}`)).status).toBe(200)
    const rotated = await get('made-up-24')
    expect(JSON.parse(rotated.text)).toMatchObject({ status: 429, 'violated-policies': ['address'] })
    expect((await fetch(new URL('/health', url))).status).toBe(200)
    expect(await example.interrupt()).toEqual([0, null])
  })
})
