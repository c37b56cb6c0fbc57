/// <reference types="node" />
// Entry `@sluice/testing/dynamodb`: servers with the API of DynamoDB. They end with the test process, even when it is killed.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeFolder } from '../processes/supervised-process.ts'
import { SupervisedServer } from '../processes/supervised-server.ts'
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

const MOTO = fileURLToPath(new URL('../../../../.tools/servers/moto/bin/moto_server', import.meta.url))

/** In memory, on a free port of 127.0.0.1: dynalite, or moto with `SLUICE_DYNAMODB=moto`. */
export async function startDynamo(): Promise<DynamoServer> {
  const server = new Server(await makeFolder(), await freePort(), process.env['SLUICE_DYNAMODB'] === 'moto' ? moto : dynalite)
  await server.start()
  return server
}

function moto(port: number): readonly string[] {
  if (!existsSync(MOTO)) throw new Error('The tests need moto, and it is not there: node scripts/moto.ts')
  return [MOTO, '-H', HOST, '-p', `${port}`]
}

function dynalite(port: number): readonly string[] {
  const folder = dirname(createRequire(import.meta.url).resolve('dynalite/package.json'))
  const instant = ['--createTableMs', '0', '--deleteTableMs', '0']
  return [process.execPath, join(folder, 'cli.js'), '--host', HOST, '--port', `${port}`, ...instant]
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
    await this.run(`DynamoDB on port ${this.port}`, this.command(this.port), async () => (await fetch(this.url)).status > 0)
  }

  async restart(): Promise<void> {
    if (this.alive) await this.kill()
    await this.start()
  }
}
