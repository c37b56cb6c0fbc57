import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TestServer } from './http-server.ts'

/** What a control service does, as docs/policies.md says. Each change has an id; it remembers the last `remembers` of them. */
export class Control {
  readonly documents = new Map<string, string>()
  readonly server: TestServer
  remembers = 100
  /** Runs before a stream is answered: what a test lets happen between a load and its watch. */
  before: ((since: string | undefined) => void) | undefined
  private readonly log: { readonly id: number; readonly key: string }[] = []
  private id = 0

  constructor(server: TestServer) {
    this.server = server
    server.answer = (request, response) => this.listen(request, response)
  }

  put(key: string, text: string | undefined): void {
    if (text === undefined) this.documents.delete(key)
    else this.documents.set(key, text)
    this.log.push({ id: (this.id += 1), key })
    this.log.splice(0, this.log.length - this.remembers)
    for (const stream of this.server.streams) this.send(stream, this.id, key)
  }

  /** No client can go on from an id of before. */
  forget(): void {
    this.log.length = 0
    this.id += 1
  }

  raw(text: string): void {
    for (const stream of this.server.streams) stream.write(text)
  }

  progress(): void {
    this.raw(event('progress', this.id, {}))
  }

  private listen(request: IncomingMessage, response: ServerResponse): void {
    const since = request.headers['last-event-id'] as string | undefined
    this.before?.(since)
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })
    this.server.streams.add(response)
    response.once('close', () => this.server.streams.delete(response))
    const first = this.log[0]?.id ?? this.id + 1
    if (since === undefined) for (const key of this.documents.keys()) this.send(response, this.id, key)
    else if (Number(since) < first - 1 || Number(since) > this.id) response.write(event('resync', this.id, {}))
    else for (const { id, key } of this.log) if (id > Number(since)) this.send(response, id, key)
    response.write(event('progress', this.id, {}))
  }

  private send(response: ServerResponse, id: number, key: string): void {
    const text = this.documents.get(key)
    response.write(text === undefined ? event('missing', id, { key }) : event('put', id, { key, text }))
  }
}

/** An event as the stream has it. */
export const event = (type: string, id: number, data: object): string => `event: ${type}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`
