import type { PolicySource, Snapshot, SourceEvent } from '@sluice/policies'
import { onTestFinished } from 'vitest'
import { type RunningService, serve, type ServeOptions } from '../src/index.ts'

/** A service on a free port, which ends with the test. */
export async function started(options: ServeOptions = {}): Promise<{ readonly url: string; readonly service: RunningService }> {
  const service = await serve({ http: { port: 0 }, drain: { delay: 0 }, ...options })
  onTestFinished(() => service.close())
  return { url: service.http?.url ?? '', service }
}

export interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly json: any
}

export async function get(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Reply> {
  return replyOf(await fetch(url, { headers }))
}

export async function post(url: string, body: unknown): Promise<Reply> {
  return replyOf(await fetch(url, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }))
}

async function replyOf(response: Response): Promise<Reply> {
  const text = await response.text()
  return { status: response.status, headers: response.headers, json: text === '' ? undefined : (JSON.parse(text) as unknown) }
}

/** Documents that a test changes. */
export class Documents implements PolicySource {
  readonly name = 'the documents of a test'
  private texts: readonly string[]
  private readonly emits = new Set<(event: SourceEvent) => void>()

  constructor(...texts: readonly string[]) {
    this.texts = texts
  }

  load(): Promise<Snapshot> {
    return Promise.resolve({ documents: this.texts.map((text, i) => ({ key: `document ${i}`, text })) })
  }

  watch(_cursor: unknown, emit: (event: SourceEvent) => void, signal: AbortSignal): Promise<void> {
    this.emits.add(emit)
    return new Promise((resolve) =>
      signal.addEventListener('abort', () => {
        this.emits.delete(emit)
        resolve()
      }),
    )
  }

  /** Puts the first document anew, for all services that follow. */
  change(text: string): void {
    this.texts = [text, ...this.texts.slice(1)]
    for (const emit of this.emits) emit({ type: 'put', key: 'document 0', text })
  }
}

const SUBJECTS = `subjects:
  address: { parts: [{ ip: true }] }
  user: { parts: [{ attribute: user }], missing: address }
  key: { parts: [{ attribute: api_key }], missing: reject }
  plan: { parts: [{ attribute: plan }], missing: reject }
  email: { parts: [{ body: email }], missing: reject }`

/** A document. `policies`: a list of YAML. */
export function documentOf(policies: string, { namespace = 'shop', revision = 1, head = '' } = {}): string {
  return `apiVersion: sluice/v1\nnamespace: ${namespace}\nrevision: ${revision}\n${SUBJECTS}\n${head}\npolicies:\n${policies}`
}

/** A policy with one limit by user. */
export function one(limit: string, more = ''): string {
  return `  - { name: api, ${more} rules: [{ name: all, limits: [{ ${limit} }] }] }`
}

// It begins with the first request, so that no test runs across the end of a minute.
export const MINUTE = 'name: minute, algorithm: fixedWindow, window: 1m, anchor: first, subject: user'
