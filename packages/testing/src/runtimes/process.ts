/// <reference types="node" />
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeFolder, removeFolder, runSupervised } from '../processes/supervised-process.ts'
import { waitUntil } from '../processes/wait-until.ts'
import { runtimeBinary, type RuntimeName } from './binary.ts'

/** A program in another runtime. It ends with this process, even when this process is killed. */
export interface Runtime {
  /** Where the program listens, without a slash at the end. */
  readonly url: string
  /** All output so far. */
  logs(): string
  stop(): Promise<void>
}

/** Arguments that run TypeScript sources, and resolve workspace packages to their sources. */
const RUN_ARGUMENTS: Readonly<Record<RuntimeName, readonly string[]>> = {
  bun: ['--conditions=source', '--no-install', 'run'],
  deno: ['run', '--conditions=source', '--allow-all', '--no-lock', '--node-modules-dir=manual'],
}
const LOG = 'runtime.log'
const LISTENS = /^listening on (http:\/\/\S+?)\/?$/m

/**
 * Starts a program in Bun or Deno, and waits until it prints `listening on http://…`. The binary is `SLUICE_BUN` or
 * `SLUICE_DENO`, else that of the npm package.
 *
 * @example
 * ```ts
 * import { startRuntime } from '@sluice/testing/runtimes'
 *
 * const deno = await startRuntime('deno', new URL('./server.ts', import.meta.url), ['an argument'])
 * const response = await fetch(deno.url)
 * await deno.stop()
 * ```
 */
export async function startRuntime(name: RuntimeName, program: URL, args: readonly string[] = []): Promise<Runtime> {
  const binary = await runtimeBinary(name)
  const folder = await makeFolder()
  const file = join(folder, LOG)
  let last: string | undefined
  const logs = () => last ?? (existsSync(file) ? readFileSync(file, 'utf8') : '')
  const started = await runSupervised(binary, [...RUN_ARGUMENTS[name], fileURLToPath(program), ...args], folder, LOG)
  const stop = async () => {
    if (last !== undefined) return
    await started.kill()
    last = logs()
    await removeFolder(folder)
  }
  try {
    await waitUntil(`${name} to listen`, () => started.ended() !== undefined || LISTENS.test(logs()))
  } finally {
    if (!LISTENS.test(logs())) await stop()
  }
  const url = LISTENS.exec(logs())?.[1]
  if (url === undefined) throw new Error(`${name} ended (${started.ended()}):\n${logs()}`)
  return { url, logs, stop }
}
