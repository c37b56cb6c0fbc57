#!/usr/bin/env node
import { realpathSync } from 'node:fs'
import { isMainThread, Worker, workerData } from 'node:worker_threads'
import { runCli } from './run-cli.ts'
import type { TextStream } from './terminal/terminal.ts'

/** What a worker does not know of the streams that it writes to. */
interface Streams {
  readonly out: boolean
  readonly err: boolean
}

const args = process.argv.slice(2)
// A heap that may grow as it likes keeps garbage of hundreds of MB while it reads a log. Only a worker's heap can be bounded from here.
const MEGABYTES = { maxYoungGenerationSizeMb: 24, maxOldGenerationSizeMb: args.some((word) => word.startsWith('--under')) ? 2_048 : 512 }

if (isMainThread && args[0] === 'policies' && args[1] === 'replay') inWorker()
else void run()

async function run(): Promise<void> {
  const given = isMainThread ? undefined : (workerData as Streams)
  const stream = (of: NodeJS.WriteStream, isTTY: boolean | undefined): TextStream => ({
    write: (text) => of.write(text),
    isTTY: isTTY ?? of.isTTY,
    columns: of.columns,
  })
  const io = { out: stream(process.stdout, given?.out), err: stream(process.stderr, given?.err), in: process.stdin, env: process.env }
  process.exitCode = await runCli(args, io)
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
  worker.once('error', (error) => {
    process.stderr.write(
      `sluice: ${(error as { readonly code?: string }).code === 'ERR_WORKER_OUT_OF_MEMORY' ? `the replay needs more than ${MEGABYTES.maxOldGenerationSizeMb} MB; replay a part of the log` : String(error.stack)}\n`,
    )
    process.exitCode = 2
  })
  worker.once('exit', (code) => {
    process.exitCode ??= code
    // Standard input that nobody reads to its end would keep the process.
    process.stdin.destroy()
  })
}

// A reader that has seen enough, such as `head`, is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})
