// What server.test.ts runs: a Durable Object that counts, and a Worker that reports its `env`.
import { createLimiter, fixedWindow } from '@sluice/core'

interface Env {
  readonly COUNTERS: { idFromName(name: string): unknown; get(id: unknown): { fetch(request: Request): Promise<Response> } }
  readonly WORD: string
}
interface State {
  readonly storage: { readonly sql: { exec(query: string): { one(): { readonly n: number } } } }
}

export class Counter {
  private readonly state: State

  constructor(state: State) {
    this.state = state
    state.storage.sql.exec('CREATE TABLE IF NOT EXISTS counts (n)')
  }

  fetch(): Response {
    const { sql } = this.state.storage
    sql.exec('INSERT INTO counts VALUES (1)')
    return new Response(String(sql.exec('SELECT COUNT(*) AS n FROM counts').one().n))
  }
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname } = new URL(request.url)
    if (pathname === '/count') return env.COUNTERS.get(env.COUNTERS.idFromName('one')).fetch(request)
    if (pathname === '/outside') return fetch('http://203.0.113.1/').catch((error: Error) => new Response(error.message, { status: 502 }))
    if (pathname === '/throw') throw new Error('thrown in the worker')
    const { allowed } = await createLimiter({ limits: [fixedWindow({ name: 'one', limit: 1, window: '1m' })] }).consume('a')
    return Response.json({ word: env.WORD, allowed, node: 'process' in globalThis })
  },
}
