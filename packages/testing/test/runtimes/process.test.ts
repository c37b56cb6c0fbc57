import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type RuntimeName, runtimeBinary, startRuntime } from '@sluice/testing/runtimes'
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'sluice-runtimes-'))
afterAll(() => rmSync(folder, { recursive: true }))
const program = (name: string, text: string): URL => {
  writeFileSync(join(folder, name), text)
  return pathToFileURL(join(folder, name))
}

describe.each<RuntimeName>(['bun', 'deno'])('%s', (name) => {
  test('is found in the npm package of this platform', async () => {
    expect(existsSync(await runtimeBinary(name))).toBe(true)
  })

  test('runs a program with its arguments, keeps its output, and ends it', async () => {
    const text = `
      import { createServer } from 'node:http'
      console.log('given', process.argv[2])
      const server = createServer((_, res) => res.end('here')).listen(0, '127.0.0.1', () => {
        console.log('listening on http://127.0.0.1:' + server.address().port + '/')
      })`
    const runtime = await startRuntime(name, program('serves.mjs', text), ['an argument'])
    expect(await (await fetch(runtime.url)).text()).toBe('here')
    await runtime.stop()
    await runtime.stop()
    expect(runtime.logs()).toContain('given an argument')
    await expect(fetch(runtime.url)).rejects.toThrow('fetch failed')
  })

  test('rejects with the output of a program that ends', async () => {
    await expect(startRuntime(name, program('ends.mjs', "console.log('no reason'); process.exit(3)"))).rejects.toThrow(
      /ended \(code 3\):\nno reason/,
    )
  })
})

describe('a missing runtime', () => {
  beforeEach(() => void vi.resetModules())
  afterEach(() => void vi.unstubAllEnvs())

  test('rejects with how to get it', async () => {
    vi.stubEnv('SLUICE_DENO', '/nowhere/deno')
    const { runtimeBinary } = await import('@sluice/testing/runtimes')
    await expect(runtimeBinary('deno')).rejects.toThrow(
      /SLUICE_DENO \(\/nowhere\/deno\) does not run: .*\n.*pnpm install.*\n.*SLUICE_DENO=/,
    )
  })
})
