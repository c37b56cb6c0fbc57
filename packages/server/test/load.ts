// Clients with kept-alive connections over several instances, as a load balancer has them.
import { Agent, request } from 'node:http'

export interface LoadOptions {
  /** What the check number `i` of a client asks. Default: a check that costs nothing. */
  readonly query?: (client: number, i: number) => string
  /** ms between two checks of one client. Default: none waits. */
  readonly every?: number
}

/** Sends checks all the time, and notes each that had no answer. */
export class Load {
  /** Requests without an answer: why. */
  readonly lost: string[] = []
  /** Answers by status. */
  readonly statuses = new Map<number, number>()
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 1_000 })
  private readonly answers = new Map<string, number>()
  private readonly ready: Set<string>
  private readonly clients: Promise<void>[]
  private readonly watch: Promise<void>
  private readonly query: (client: number, i: number) => string
  private readonly every: number
  private isStopped = false

  constructor(urls: readonly string[], clients: number, { query = (client) => `user_id=${client}&cost=0`, every = 0 }: LoadOptions = {}) {
    this.query = query
    this.every = every
    this.ready = new Set(urls)
    this.watch = this.watchAll(urls)
    this.clients = Array.from({ length: clients }, (_, i) => this.send(i))
  }

  answeredBy(url: string): number {
    return this.answers.get(url) ?? 0
  }

  get answered(): number {
    return [...this.answers.values()].reduce((sum, each) => sum + each, 0)
  }

  async stop(): Promise<void> {
    this.isStopped = true
    await Promise.all([...this.clients, this.watch])
    this.agent.destroy()
  }

  private async send(client: number): Promise<void> {
    const from = performance.now()
    for (let i = client; !this.isStopped; i++) {
      const wait = from + (i - client) * this.every - performance.now()
      if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait))
      const urls = [...this.ready]
      const url = urls[i % urls.length] ?? ''
      try {
        const status = await this.ask(`${url}/check?${this.query(client, i)}`)
        this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1)
        this.answers.set(url, this.answeredBy(url) + 1)
      } catch (error) {
        this.lost.push(`${url}: ${String(error)}`)
        // What fails at once would leave no time for anything else.
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
  }

  /** An instance that is not ready gets no more requests. */
  private async watchAll(urls: readonly string[]): Promise<void> {
    while (!this.isStopped) {
      for (const url of urls) {
        const status = await this.ask(`${url}/readyz`).catch(() => 0)
        if (status === 200) this.ready.add(url)
        else this.ready.delete(url)
      }
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  private ask(url: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const sent = request(url, { agent: this.agent }, (response) => {
        response.once('end', () => resolve(response.statusCode ?? 0))
        response.once('error', reject)
        response.resume()
      })
      sent.once('error', reject)
      sent.end()
    })
  }
}
