import { randomBytes } from 'node:crypto'
import cluster, { type Worker } from 'node:cluster'
import { systemClock } from '@sluice/core'
import { keptAlive } from '@sluice/core/adapter-kit'
import type { ServerConfig } from '../config/config.ts'
import type { Listened } from './greeting.ts'
import { type FromPrimary, type FromWorker, isOurs } from './messages.ts'
import { untilEnded } from './signals.ts'
import { workersNote } from './workers-note.ts'
import { WorkerMetrics } from './worker-metrics.ts'

/** ms before a worker that died is replaced: doubled for each one that dies early. */
const FIRST_WAIT = 100
const LONGEST_WAIT = 30_000
/** ms. A worker that lived for longer did not die of its start. */
const STABLE = 60_000

/** Starts workers that share the ports, and replaces those that die, until the process gets a signal to end. @returns the exit status */
export async function runPrimary(given: ServerConfig, log: (line: string) => void, greet: (at: Listened) => void): Promise<number> {
  // One seal for all workers: what one has decided, another settles.
  const sealed = given.decisions?.secret ?? given.secret
  const config = sealed === undefined ? { ...given, decisions: { ...given.decisions, secret: randomBytes(32).toString('hex') } } : given
  const workers = new Workers(config, log)
  const problem = await workers.start(greet)
  if (problem !== undefined) {
    log(problem)
    return 2
  }
  const note = workersNote(config)
  if (note !== undefined) log(note)
  await keptAlive(untilEnded(() => workers.send({ sluice: 'reload' }), true))
  log('ending: requests in flight are answered first')
  await workers.end()
  return 0
}

class Workers {
  private readonly config: ServerConfig
  private readonly log: (line: string) => void
  private readonly metrics = new WorkerMetrics()
  private readonly live = new Set<Worker>()
  private isEnding = false
  private earlyDeaths = 0
  private lastLine = ''
  private onListening: (at: Listened) => void = () => undefined
  private onProblem: (message: string) => void = () => undefined
  private onLastEnd: () => void = () => undefined

  constructor(config: ServerConfig, log: (line: string) => void) {
    this.config = config
    this.log = log
  }

  /** Resolves when all workers listen, or with the problem of the first that cannot. */
  async start(greet: (at: Listened) => void): Promise<string | undefined> {
    const count = this.config.workers ?? 1
    const problem = await keptAlive(
      new Promise<string | undefined>((resolve) => {
        let listening = 0
        this.onListening = (at) => {
          listening += 1
          if (listening === count) {
            greet(at)
            resolve(undefined)
          }
        }
        this.onProblem = resolve
        for (let i = 0; i < count; i++) this.fork()
      }),
    )
    this.onListening = () => undefined
    this.onProblem = () => undefined
    if (problem !== undefined) await this.end()
    return problem
  }

  send(message: FromPrimary): void {
    for (const worker of this.live) if (worker.isConnected()) worker.send(message)
  }

  /** Drains all workers at the same time. */
  async end(): Promise<void> {
    this.isEnding = true
    if (this.live.size === 0) return
    const ended = new Promise<void>((resolve) => (this.onLastEnd = resolve))
    this.send({ sluice: 'drain' })
    await keptAlive(ended)
  }

  private fork(): void {
    const startedAt = systemClock.monotonic()
    const worker = cluster.fork()
    this.live.add(worker)
    // A message to a worker that has just ended. Its exit is what counts.
    worker.on('error', () => undefined)
    worker.on('message', (message: unknown) => {
      if (isOurs(message)) this.take(worker, message as FromWorker)
    })
    worker.once('exit', (code, signal) => {
      this.live.delete(worker)
      this.metrics.left(worker.id)
      if (!this.isEnding)
        this.replace(`worker ${worker.process.pid} ended (${signal ?? `status ${code}`})`, systemClock.monotonic() - startedAt)
      else if (this.live.size === 0) this.onLastEnd()
    })
  }

  private replace(what: string, livedFor: number): void {
    this.earlyDeaths = livedFor > STABLE ? 1 : this.earlyDeaths + 1
    const wait = Math.min(FIRST_WAIT * 2 ** (this.earlyDeaths - 1), LONGEST_WAIT)
    this.log(`${what}; another one starts in ${wait} ms`)
    this.onProblem(what)
    systemClock.after(wait, () => {
      if (!this.isEnding) this.fork()
    })
  }

  private take(worker: Worker, said: FromWorker): void {
    switch (said.sluice) {
      case 'ready for configuration':
        worker.send({ sluice: 'configuration', config: this.config } satisfies FromPrimary)
        break
      case 'listening':
        this.onListening(said.at)
        break
      case 'failed':
        this.log(`worker ${worker.process.pid}: ${said.message}`)
        this.onProblem(said.message)
        break
      case 'log':
        // All workers say the same of a new revision.
        if (said.line !== this.lastLine) this.log(said.line)
        this.lastLine = said.line
        break
      case 'metrics wanted':
        void this.metrics.collect(this.live).then((text) => {
          if (worker.isConnected()) worker.send({ sluice: 'metrics', id: said.id, text } satisfies FromPrimary)
        })
        break
      case 'metrics':
        this.metrics.take(said.id, worker.id, said.metrics)
        break
    }
  }
}
