import type { ServerConfig } from '../config/config.ts'
import type { RunningService } from '../serve.ts'
import { startConfigured } from './configured-service.ts'
import { type FromPrimary, type FromWorker, isOurs } from './messages.ts'
import { untilEnded } from './signals.ts'

/** Serves as one of several processes, by the configuration of the primary. */
export async function runWorker(): Promise<number> {
  const primary = new PrimaryChannel()
  const log = (line: string): void => primary.send({ sluice: 'log', line })
  const config = await primary.configuration()
  let service: RunningService
  try {
    service = await startConfigured(config, log, { collect: () => primary.metrics(), own: (read) => (primary.readMetrics = read) })
  } catch (error) {
    primary.send({ sluice: 'failed', message: error instanceof Error ? error.message : String(error) })
    process.disconnect()
    return 2
  }
  primary.onReload = () => service.reload()
  const { http, grpc } = service
  primary.send({ sluice: 'listening', at: { http: http && { url: http.url }, grpc: grpc && { url: grpc.url } } })
  await Promise.race([primary.drain, untilEnded(() => service.reload(), true)])
  await service.close()
  process.disconnect()
  return 0
}

/** The channel to the primary. */
class PrimaryChannel {
  /** Resolves when the primary wants this worker to end. */
  readonly drain: Promise<void>
  onReload: () => void = () => undefined
  readMetrics: () => Promise<object[]> = () => Promise.resolve([])
  private onConfiguration: (config: ServerConfig) => void = () => undefined
  private readonly waiting = new Map<number, (text: string) => void>()
  private asked = 0

  constructor() {
    this.drain = new Promise((resolve) => {
      process.on('message', (message: unknown) => {
        if (!isOurs(message)) return
        const said = message as FromPrimary
        if (said.sluice === 'drain') resolve()
        else this.take(said)
      })
    })
  }

  send(message: FromWorker): void {
    if (process.connected) process.send?.(message)
  }

  configuration(): Promise<ServerConfig> {
    return new Promise((resolve) => {
      this.onConfiguration = resolve
      this.send({ sluice: 'ready for configuration' })
    })
  }

  /** The metrics of all workers. */
  metrics(): Promise<string> {
    this.asked += 1
    const id = this.asked
    return new Promise((resolve) => {
      this.waiting.set(id, resolve)
      this.send({ sluice: 'metrics wanted', id })
    })
  }

  private take(said: Exclude<FromPrimary, { sluice: 'drain' }>): void {
    switch (said.sluice) {
      case 'configuration':
        this.onConfiguration(said.config)
        break
      case 'reload':
        this.onReload()
        break
      case 'metrics':
        this.waiting.get(said.id)?.(said.text)
        this.waiting.delete(said.id)
        break
      case 'metrics wanted':
        void this.readMetrics().then((metrics) => this.send({ sluice: 'metrics', id: said.id, metrics }))
        break
    }
  }
}
