/// <reference types="node" />
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { makeFolder } from '../processes/supervised-process.ts'
import { SupervisedServer } from '../processes/supervised-server.ts'
import { freePort, HOST } from '../redis/ports.ts'
import { type Gateway, type GatewayName, GATEWAYS } from './gateways.ts'
import { type Ports, sampleOf, withPorts } from './samples.ts'

/** Options of `startGateway()`. */
export interface StartGateway {
  /** The ports of the server behind the gateway, and of Sluice. */
  readonly ports: Omit<Ports, 'web' | 'inside'>
  /** Changes the text of a sample, as its comments tell a reader to. Default: as it is. */
  readonly edit?: ((text: string, sample: string) => string) | undefined
}

/** A gateway that runs. */
export interface RunningGateway {
  readonly url: string
  readonly port: number
  stop(): Promise<void>
  logs(): string
}

class GatewayServer extends SupervisedServer implements RunningGateway {
  readonly port: number
  readonly url: string
  private readonly inside: number

  constructor(folder: string, port: number, inside: number) {
    super(folder, 'gateway.log')
    this.port = port
    this.inside = inside
    this.url = `http://${HOST}:${port}`
  }

  async start(name: GatewayName, { samples, files = {}, command }: Gateway, { ports, edit = (text) => text }: StartGateway): Promise<this> {
    const texts = [...samples.map((name) => [name.replace(/^[^/]*\//, ''), edit(sampleOf(name), name)] as const), ...Object.entries(files)]
    for (const [file, text] of texts) {
      const path = join(this.folder, file)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, withPorts(text, { ...ports, web: this.port, inside: this.inside }))
    }
    await this.run(`${name} on port ${this.port}`, command(), () => this.answers())
    return this
  }

  /** Traefik answers 404 until it has read its routes. */
  private async answers(): Promise<boolean> {
    const { status } = await fetch(`${this.url}/gateway-ready`, { headers: { connection: 'close' } })
    return status !== 404
  }
}

/**
 * Starts a gateway with its sample of `deploy/` on a free port, and waits until it passes a request on. It ends with the test process, even
 * when that is killed. It asks Sluice, if that runs already, for `/gateway-ready`.
 * @example
 * ```ts
 * import { startGateway } from '@sluice/testing/gateways'
 *
 * const nginx = await startGateway('nginx', { ports: { app: 3000, http: 8080, grpc: 8081 } })
 * const { status } = await fetch(nginx.url)
 * await nginx.stop()
 * ```
 */
export async function startGateway(name: GatewayName, options: StartGateway): Promise<RunningGateway> {
  for (let tries = 1; ; tries += 1) {
    const server = new GatewayServer(await makeFolder(), await freePort(), await freePort())
    try {
      return await server.start(name, GATEWAYS[name], options)
    } catch (error) {
      const logs = server.logs()
      await server.stop()
      // Another process may take a port between the check and the start.
      if (tries === 5 || !/in use|cannot bind/i.test(logs)) throw new Error(`${name} did not start:\n${logs}`, { cause: error })
    }
  }
}
