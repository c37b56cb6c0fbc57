/// <reference types="node" />
// Entry `@sluice/testing/dynamodb`: servers with the API of DynamoDB. They end with the test process, even when it is killed.
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { makeFolder } from '../processes/supervised-process.ts'
import { SupervisedServer } from '../processes/supervised-server.ts'
import { waitUntil } from '../processes/wait-until.ts'
import { freePort, HOST } from '../redis/ports.ts'

/** A server with the API of DynamoDB. */
export interface DynamoServer {
  /** The endpoint for a client of the AWS SDK, such as `http://127.0.0.1:8000`. */
  readonly url: string
  /** SIGKILL. All tables are lost. */
  kill(): Promise<void>
  restart(): Promise<void>
  /** SIGSTOP: the system still accepts connections, and nothing answers. */
  pause(): Promise<void>
  resume(): Promise<void>
  stop(): Promise<void>
  logs(): string
}

/** dynalite, in memory, on a free port of 127.0.0.1. */
export async function startDynalite(): Promise<DynamoServer> {
  const folder = dirname(createRequire(import.meta.url).resolve('dynalite/package.json'))
  const program = join(folder, 'cli.js')
  const instant = ['--createTableMs', '0', '--deleteTableMs', '0']
  const command = (port: number): string[] => [process.execPath, program, '--host', HOST, '--port', `${port}`, ...instant]
  const server = new Server(await makeFolder(), await freePort(), command)
  await server.start()
  return server
}

class Server extends SupervisedServer implements DynamoServer {
  private readonly port: number
  private readonly command: (port: number) => readonly string[]

  constructor(folder: string, port: number, command: (port: number) => readonly string[]) {
    super(folder, 'dynamodb.log')
    this.port = port
    this.command = command
  }

  get url(): string {
    return `http://${HOST}:${this.port}`
  }

  async start(): Promise<void> {
    const [command = '', ...args] = this.command(this.port)
    const started = await this.run(command, args)
    await waitUntil(`DynamoDB on port ${this.port}`, async () => started.ended() !== undefined || (await fetch(this.url)).status > 0)
    if (!this.alive) throw new Error(`The server with the API of DynamoDB ended (${started.ended()}):\n${this.logs()}`)
  }

  async restart(): Promise<void> {
    if (this.alive) await this.kill()
    await this.start()
  }
}
