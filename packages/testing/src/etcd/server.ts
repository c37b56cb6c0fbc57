/// <reference types="node" />
import { rmSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { request as secureRequest } from 'node:https'
import { join } from 'node:path'
import { makeFolder } from '../processes/supervised-process.ts'
import { SupervisedServer } from '../processes/supervised-server.ts'
import { type Certificates, makeCertificates } from '../certificates.ts'
import { freePort, HOST } from '../redis/ports.ts'
import { etcdBinary } from './binary.ts'

/** Options of `startEtcd()`. */
export interface StartEtcd {
  /** Default false. Needs `openssl` on PATH. */
  readonly tls?: boolean
}

/** One member in a temporary folder. Both are removed when this process ends, even by SIGKILL. */
export interface EtcdMember {
  readonly host: string
  readonly port: number
  readonly url: string
  /** The certificate authority of a member with TLS. */
  readonly ca: string | undefined
  /** Sends a request to the JSON gateway, such as `call('kv/put', { key, value })`. Rejects if the answer is an error. */
  call(path: string, body: object, token?: string): Promise<Record<string, unknown>>
  /** The value of a key; `undefined` if there is none. */
  get(key: string): Promise<string | undefined>
  /** Resolves with the revision of the store. */
  put(key: string, value: string): Promise<string>
  remove(key: string): Promise<void>
  /** Drops the history before the revision. */
  compact(revision: string): Promise<void>
  /** SIGKILL. */
  kill(): Promise<void>
  /** Starts the member again, with its data. `empty`: without, as after a loss of the disk. */
  restart(options?: { readonly empty?: boolean }): Promise<void>
  /** SIGSTOP: the system still accepts connections, and nothing answers. */
  pause(): Promise<void>
  resume(): Promise<void>
  stop(): Promise<void>
  logs(): string
}

const LOG = 'etcd.log'
const DATA = 'data'
const base64 = (text: string): string => Buffer.from(text).toString('base64')

/**
 * Starts a single etcd on a free port of 127.0.0.1, and waits until it answers.
 *
 * @example
 * ```ts
 * import { startEtcd } from '@sluice/testing/etcd'
 *
 * const etcd = await startEtcd()
 * await etcd.put('key', 'value')
 * await etcd.stop()
 * ```
 */
export async function startEtcd({ tls = false }: StartEtcd = {}): Promise<EtcdMember> {
  const [member] = await start(1, tls)
  return member as EtcdMember
}

/** Starts a cluster, by default of three members, and waits until each answers. */
export function startEtcdCluster(members = 3): Promise<readonly EtcdMember[]> {
  return start(members, false)
}

async function start(count: number, tls: boolean): Promise<readonly EtcdMember[]> {
  const binary = etcdBinary()
  for (let tries = 1; ; tries += 1) {
    const addresses: { readonly name: string; readonly port: number; readonly peer: number }[] = []
    while (addresses.length < count) addresses.push({ name: `m${addresses.length}`, port: await freePort(), peer: await freePort() })
    const cluster = addresses.map(({ name, peer }) => `${name}=http://${HOST}:${peer}`).join(',')
    const members: Member[] = []
    try {
      for (const { name, port, peer } of addresses) {
        const folder = await makeFolder()
        const certificates = tls ? await makeCertificates(folder) : undefined
        members.push(new Member(binary, folder, name, port, peer, cluster, certificates))
      }
      await Promise.all(members.map((member) => member.start()))
      return members
    } catch (error) {
      const logs = members.map((member) => member.logs()).join('\n')
      await Promise.all(members.map((member) => member.stop()))
      // Another process may take a port between the check and the start.
      if (tries === 5 || !/address already in use/i.test(logs)) throw error
    }
  }
}

class Member extends SupervisedServer implements EtcdMember {
  readonly host: string = HOST
  readonly port: number
  readonly url: string
  readonly ca: string | undefined
  private readonly binary: string
  private readonly args: readonly string[]

  constructor(
    binary: string,
    folder: string,
    name: string,
    port: number,
    peer: number,
    cluster: string,
    certificates: Certificates | undefined,
  ) {
    super(folder, LOG)
    const url = `http${certificates === undefined ? '' : 's'}://${HOST}:${port}`
    const peerUrl = `http://${HOST}:${peer}`
    this.binary = binary
    this.port = port
    this.url = url
    this.ca = certificates?.ca
    const settings: Record<string, string> = {
      name,
      'data-dir': DATA,
      'log-level': 'error',
      'listen-client-urls': url,
      'advertise-client-urls': url,
      'listen-peer-urls': peerUrl,
      'initial-advertise-peer-urls': peerUrl,
      'initial-cluster': cluster,
      ...(certificates === undefined ? {} : { 'cert-file': certificates.certFile, 'key-file': certificates.keyFile }),
    }
    this.args = Object.entries(settings).flatMap(([option, value]) => [`--${option}`, value])
  }

  async start(): Promise<void> {
    await this.run(`etcd on port ${this.port}`, [this.binary, ...this.args], () => this.answers())
  }

  async restart({ empty = false }: { readonly empty?: boolean } = {}): Promise<void> {
    if (this.alive) await this.kill()
    if (empty) rmSync(join(this.folder, DATA), { recursive: true, force: true })
    await this.start()
  }

  async call(path: string, body: object, token?: string): Promise<Record<string, unknown>> {
    const headers: Record<string, string> = token === undefined ? {} : { authorization: token }
    const { status, text } = await post(`${this.url}/v3/${path}`, JSON.stringify(body), headers, this.ca)
    if (status !== 200) throw new Error(`etcd answered ${status}: ${text}`)
    return JSON.parse(text) as Record<string, unknown>
  }

  async get(key: string): Promise<string | undefined> {
    const { kvs } = (await this.call('kv/range', { key: base64(key) })) as { readonly kvs?: readonly { readonly value?: string }[] }
    return kvs === undefined ? undefined : Buffer.from(kvs[0]?.value ?? '', 'base64').toString()
  }

  async put(key: string, value: string): Promise<string> {
    const { header } = (await this.call('kv/put', { key: base64(key), value: base64(value) })) as {
      readonly header?: { readonly revision?: string }
    }
    return header?.revision ?? ''
  }

  async remove(key: string): Promise<void> {
    await this.call('kv/deleterange', { key: base64(key) })
  }

  async compact(revision: string): Promise<void> {
    await this.call('kv/compaction', { revision, physical: true })
  }

  /** A member of a cluster answers only with the majority. */
  private async answers(): Promise<boolean> {
    return this.call('kv/range', { key: base64('health') }).then(
      () => true,
      // With users, nobody may ask without a token.
      (error: Error) => error.message.includes('user name is empty'),
    )
  }
}

/** `fetch` of Node takes no certificate authority. */
function post(
  url: string,
  body: string,
  headers: Record<string, string>,
  ca: string | undefined,
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const options = { method: 'POST', headers, timeout: 10_000, agent: false } as const
    const receive = (response: IncomingMessage): void => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (text += chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
      response.on('error', reject)
    }
    const sent = ca === undefined ? request(url, options, receive) : secureRequest(url, { ...options, ca }, receive)
    sent.on('error', reject)
    sent.on('timeout', () => sent.destroy(new Error('etcd did not answer within 10 s')))
    sent.end(body)
  })
}
