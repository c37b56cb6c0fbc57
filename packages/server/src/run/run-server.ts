import cluster from 'node:cluster'
import type { ServerConfig } from '../config/config.ts'
import { configOf } from '../config/config-of.ts'
import type { Environment } from '../config/environment.ts'
import type { Flags } from '../config/flags.ts'
import { printedConfig } from '../config/print-config.ts'
import { atTerminal } from './at-terminal.ts'
import { greeting, type Listened } from './greeting.ts'
import { startConfigured } from './configured-service.ts'
import { runPrimary } from './primary.ts'
import { untilEnded } from './signals.ts'
import { runWorker } from './worker.ts'

/** What a program that is the service gives. */
export interface ServerProcess {
  /** Flags by their name without dashes, as in `SERVE_FLAGS`; `true` for a switch. */
  readonly flags: Flags
  readonly env: Environment
  /** Standard output: where the service listens, or its configuration. */
  readonly out: { write(text: string): unknown; readonly isTTY?: boolean | undefined }
  /** Standard error: what happens while it runs. */
  readonly err: { write(text: string): unknown }
  /** What is written to `out` when the service listens. Default: where it listens, and a line to try. */
  readonly greet?: ((at: Listened, config: ServerConfig) => string) | undefined
}

/**
 * Runs the service until the process gets SIGTERM or SIGINT, as `sluice serve` does. Then it drains. SIGHUP reads certificates again.
 * @returns the exit status: 0 after a drain, 2 if no worker could start
 * @throws ERR_CONFIG_INVALID; what `serve` throws
 * @example
 * ```ts
 * import { runServer } from '@sluice/server'
 *
 * const { env, stdout: out, stderr: err } = process
 * process.exitCode = await runServer({ flags: { 'print-config': true }, env, out, err })
 * ```
 */
export async function runServer(program: ServerProcess): Promise<number> {
  // A worker has the configuration of its primary, so that all have the same.
  if (cluster.isWorker) return await runWorker()
  const { flags, env, out, err, greet = greeting } = program
  const config = atTerminal(await configOf({ flags, env }), out.isTTY === true)
  if (flags['print-config'] === true) {
    out.write(printedConfig(config))
    return 0
  }
  const log = (line: string): void => void err.write(`${line}\n`)
  if ((config.workers ?? 1) > 1) return await runPrimary(config, log, (at) => out.write(greet(at, config)))
  const service = await startConfigured(config, log)
  out.write(greet(service, config))
  await untilEnded(() => service.reload(), false)
  log('ending: requests in flight are answered first')
  await service.close()
  return 0
}
