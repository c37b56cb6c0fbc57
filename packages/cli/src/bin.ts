#!/usr/bin/env node
import { realpathSync } from 'node:fs'
import { type MessagePort, parentPort, Worker, workerData } from 'node:worker_threads'
import type { TextStream } from './terminal/terminal.ts'

/** What a worker does not know of the streams that it writes to. */
interface Streams {
  readonly out: boolean
  readonly err: boolean
}

const args = process.argv.slice(2)
// A heap that may grow as it likes keeps garbage of hundreds of MB while it reads a log. Only a worker's heap can be bounded from here.
const MEGABYTES = { maxYoungGenerationSizeMb: 48, maxOldGenerationSizeMb: args.some((word) => word.startsWith('--under')) ? 2_048 : 512 }

// The commands are imported where they run: the thread that only starts a worker needs none.
if (parentPort !== null) void runInside(parentPort)
else if (args[0] === 'replay' || (args[0] === 'policies' && args[1] === 'replay')) inWorker()
else void run()

async function run(): Promise<void> {
  const { runCli } = await import('./run-cli.ts')
  process.exitCode = await runCli(args, { out: process.stdout, err: process.stderr, in: process.stdin, env: process.env })
}

/** What a worker says: what it writes, and at last how the command ended. */
type Said = { readonly to: 'out' | 'err'; readonly text: string } | { readonly status: number }

/** The streams of a worker may lose what it writes last, so it sends its texts as messages, and waits to be ended. */
async function runInside(port: MessagePort): Promise<void> {
  const { out, err } = workerData as Streams
  const say = (said: Said): void => port.postMessage(said)
  const stream = (to: 'out' | 'err', isTTY: boolean): TextStream => ({ write: (text) => say({ to, text }), isTTY, columns: undefined })
  // A listener keeps the worker.
  port.on('message', () => undefined)
  const { runCli } = await import('./run-cli.ts')
  const status = await runCli(args, { out: stream('out', out), err: stream('err', err), in: process.stdin, env: process.env })
  say({ status })
}

function inWorker(): void {
  const streams: Streams = { out: process.stdout.isTTY, err: process.stderr.isTTY }
  const worker = new Worker(realpathSync(process.argv[1] ?? ''), {
    argv: args,
    workerData: streams,
    resourceLimits: MEGABYTES,
    stdin: args.includes('-'),
  })
  if (worker.stdin !== null) process.stdin.pipe(worker.stdin)
  worker.on('message', (said: Said) => {
    if ('status' in said) {
      process.exitCode = said.status
      void worker.terminate()
    } else (said.to === 'out' ? process.stdout : process.stderr).write(said.text)
  })
  worker.once('error', (error) => {
    process.stderr.write(
      `sluice: ${(error as { readonly code?: string }).code === 'ERR_WORKER_OUT_OF_MEMORY' ? `the replay needs more than ${MEGABYTES.maxOldGenerationSizeMb} MB; replay a part of the log` : String(error.stack)}\n`,
    )
    process.exitCode = 2
  })
  worker.once('exit', () => {
    // Standard input that nobody reads to its end would keep the process.
    process.stdin.destroy()
  })
}

// A reader that has seen enough, such as `head`, is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})
