/// <reference types="node" />
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { makeFolder, removeFolder } from '../processes/supervised-process.ts'
import { SupervisedServer } from '../processes/supervised-server.ts'
import { workerdBinary } from './binary.ts'
import { BUNDLE, configOf, OBJECTS, socketOf, type WorkerOptions } from './config.ts'

/** One workerd in a temporary folder. Both are removed when this process ends, even by SIGKILL. */
export interface Workerd {
  /** Where the worker answers, such as `http://127.0.0.1:1234`, without a slash at the end. Changes at a restart. */
  readonly url: string
  /** Where each isolate answers; the first is `url`. */
  readonly urls: readonly string[]
  /** False from `kill()` to `restart()`. */
  readonly alive: boolean
  /** Restarts workerd by SIGKILL, also after `kill()`. Default: without the data of its objects. */
  restart(options?: { readonly keepData?: boolean }): Promise<void>
  /** SIGKILL. */
  kill(): Promise<void>
  /** SIGSTOP: the system still accepts connections, and nothing answers. */
  pause(): Promise<void>
  resume(): Promise<void>
  stop(): Promise<void>
  /** All output since the first start, including the worker's `console`. */
  logs(): string
}

const LOG = 'workerd.log'
const CONFIG = 'config.capnp'
/** A warning of workerd after which every call of the object fails. */
const NO_CLASS = /no such Durable Object class is exported/

/**
 * Bundles a worker, starts it on a free port of 127.0.0.1, and waits until it listens. Rejects with workerd's output if the
 * worker does not start. The binary is `SLUICE_WORKERD`, else that of the npm package.
 *
 * @example
 * ```ts
 * import { startWorkerd } from '@sluice/testing/workerd'
 *
 * const entry = new URL('./worker.ts', import.meta.url)
 * const workerd = await startWorkerd({ entry, objects: { LIMITS: 'RateLimitObject' } })
 * const response = await fetch(workerd.url)
 * await workerd.stop()
 * ```
 */
export async function startWorkerd(options: WorkerOptions): Promise<Workerd> {
  const binary = await workerdBinary()
  const folder = await makeFolder()
  try {
    mkdirSync(join(folder, OBJECTS))
    writeFileSync(join(folder, BUNDLE), await bundleWorker(options.entry))
    writeFileSync(join(folder, CONFIG), configOf(options))
    const server = new Server(binary, folder, options.isolates ?? 1)
    await server.start()
    return server
  } catch (error) {
    await removeFolder(folder)
    throw error
  }
}

/** Bundles a worker as wrangler does, but takes workspace packages from their sources. */
export async function bundleWorker(entry: string | URL): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [typeof entry === 'string' ? entry : fileURLToPath(entry)],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2023',
    platform: 'neutral',
    conditions: ['source', 'workerd', 'worker', 'browser'],
    mainFields: ['browser', 'module', 'main'],
    external: ['node:*', 'cloudflare:*'],
    logLevel: 'silent',
  })
  return outputFiles[0]?.text ?? ''
}

class Server extends SupervisedServer implements Workerd {
  private readonly binary: string
  private readonly isolates: number
  private ports: readonly number[] = []

  constructor(binary: string, folder: string, isolates: number) {
    super(folder, LOG)
    this.binary = binary
    this.isolates = isolates
  }

  get url(): string {
    return this.urls[0] as string
  }

  get urls(): readonly string[] {
    return this.ports.map((port) => `http://127.0.0.1:${port}`)
  }

  async start(): Promise<void> {
    const before = this.logs().length
    // Control messages go to stdout. They have the ports, as soon as the worker is loaded.
    const command = [this.binary, 'serve', '--experimental', '--control-fd=1', CONFIG]
    const ports = (): readonly number[] =>
      Array.from({ length: this.isolates }, (_, isolate) => {
        const message = new RegExp(`\\{"event":"listen","socket":"${socketOf(isolate)}","port":(\\d+)\\}`)
        return Number(message.exec(this.logs().slice(before))?.[1])
      })
    try {
      await this.run('workerd', command, () => ports().every((port) => port > 0))
      if (NO_CLASS.test(this.logs())) throw new Error(this.logs())
    } catch (error) {
      await this.kill()
      throw error
    }
    this.ports = ports()
  }

  async restart({ keepData = false }: { readonly keepData?: boolean } = {}): Promise<void> {
    await this.kill()
    if (!keepData) {
      rmSync(join(this.folder, OBJECTS), { recursive: true, force: true })
      mkdirSync(join(this.folder, OBJECTS))
    }
    await this.start()
  }
}
