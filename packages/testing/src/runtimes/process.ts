/// <reference types="node" />
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeFolder, removeFolder, runSupervised } from '../processes/supervised-process.ts'
import { waitUntil } from '../processes/wait-until.ts'
import { runtimeBinary, type RuntimeName } from './binary.ts'

/** A program in another runtime; it is gone when this process is, whatever ends it. */
export interface Runtime {
  /** Where it listens, without a slash at the end. */
  readonly url: string
  /** What it has said. */
  logs(): string
  stop(): Promise<void>
}

/** Sources as they are: workspace packages by their `source` condition. */
const RUN: Readonly<Record<RuntimeName, readonly string[]>> = {
  bun: ['--conditions=source', '--no-install', 'run'],
  deno: ['run', '--conditions=source', '--allow-all', '--no-lock', '--node-modules-dir=manual'],
}
const LOG = 'runtime.log'
const LISTENS = /^listening on (http:\/\/\S+?)\/?$/m

/** Starts a program, with texts as its arguments, and waits until it says `listening on http://…`. */
export async function startRuntime(name: RuntimeName, program: URL, args: readonly string[] = []): Promise<Runtime> {
  const binary = await runtimeBinary(name)
  const folder = await makeFolder()
  const file = join(folder, LOG)
  let last: string | undefined
  const logs = () => last ?? (existsSync(file) ? readFileSync(file, 'utf8') : '')
  const started = await runSupervised(binary, [...RUN[name], fileURLToPath(program), ...args], folder, LOG)
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
