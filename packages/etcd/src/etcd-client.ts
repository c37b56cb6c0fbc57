import type { Clock } from '@sluice/core'
import { chunksOf, Deadline, discard, type FetchedResponse, reasonOf, textOf } from '@sluice/policies/source-kit'
import type { Settings } from './options.ts'

/** The most bytes of an answer, and of one line of a watch. */
const MAX_BYTES = 64 * 2 ** 20
/** etcd has given up a token: it lives for five minutes, and ends with each change of the users. */
const TOKEN_ENDED = /invalid auth token|auth store is old|revision of auth store/i

/** The errors of answers that another member would give as well. */
const refusals = new WeakSet<object>()
const isRefusal = (error: unknown): error is Error => error instanceof Error && refusals.has(error)

/** The JSON gateway of etcd by `fetch`. */
export class EtcdClient {
  private readonly settings: Settings
  private readonly clock: Clock
  /** Index of the member that answered last. */
  private current = 0
  private token: Promise<string> | undefined

  constructor(settings: Settings, clock: Clock) {
    this.settings = settings
    this.clock = clock
  }

  /** Asks one member after another, until one answers. */
  async ask<T>(path: string, body: object, signal: AbortSignal): Promise<T> {
    return this.onEach((endpoint) => this.withToken((token) => this.exchange<T>(endpoint, path, body, token, signal)), signal)
  }

  /** The lines of an answer that goes on, from the first member that answers. */
  async *lines<T>(path: string, body: object, signal: AbortSignal): AsyncGenerator<T, void, undefined> {
    const { response, deadline } = await this.onEach(
      (endpoint) => this.withToken((token) => this.open(endpoint, path, body, token, signal)),
      signal,
    )
    try {
      const decoder = new TextDecoder()
      let rest = ''
      for await (const chunk of chunksOf(response)) {
        const parts = decoder.decode(chunk, { stream: true }).split('\n')
        for (const [i, part] of parts.entries()) {
          rest += part
          if (i === parts.length - 1) break
          if (rest.trim() !== '') yield JSON.parse(rest) as T
          rest = ''
        }
        if (rest.length > MAX_BYTES) throw new Error(`etcd sent a line of more than ${MAX_BYTES} characters`)
      }
    } finally {
      deadline.end()
    }
  }

  /** The next call of etcd brings a new token. */
  forgetToken(): void {
    this.token = undefined
  }

  private async onEach<T>(run: (endpoint: string) => Promise<T>, signal: AbortSignal): Promise<T> {
    const { endpoints } = this.settings
    const failures: string[] = []
    for (let i = 0; i < endpoints.length; i++) {
      const at = (this.current + i) % endpoints.length
      try {
        const result = await run(endpoints[at] as string)
        this.current = at
        return result
      } catch (error) {
        if (signal.aborted || isRefusal(error)) throw error
        failures.push(error instanceof Error ? error.message : String(error))
      }
    }
    // The next call begins with another member than this one did.
    this.current = (this.current + 1) % endpoints.length
    throw new Error(failures.join('; '))
  }

  private async withToken<T>(run: (token: string | undefined) => Promise<T>): Promise<T> {
    if (this.settings.credentials === undefined) return run(undefined)
    const token = (this.token ??= this.authenticate())
    try {
      return await run(await token)
    } catch (error) {
      if (this.token === token) this.token = undefined
      if (!(isRefusal(error) && TOKEN_ENDED.test(error.message))) throw error
      this.token ??= this.authenticate()
      return run(await this.token)
    }
  }

  private async authenticate(): Promise<string> {
    const never = new AbortController().signal
    const { token } = await this.onEach(
      (endpoint) =>
        this.exchange<{ readonly token?: string }>(endpoint, 'auth/authenticate', this.settings.credentials ?? {}, undefined, never),
      never,
    )
    return token ?? ''
  }

  /** An answer whose body takes as long as it takes. */
  private async open(
    endpoint: string,
    path: string,
    body: object,
    token: string | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly response: FetchedResponse; readonly deadline: Deadline }> {
    const deadline = this.deadline(endpoint, signal)
    try {
      const response = await this.send(endpoint, path, body, token, deadline.signal)
      if (response.status !== 200) throw await failure(endpoint, response)
      deadline.clear()
      return { response, deadline }
    } catch (error) {
      deadline.end()
      throw error
    }
  }

  private deadline(endpoint: string, signal: AbortSignal): Deadline {
    const { timeout } = this.settings
    const deadline = new Deadline(signal, this.clock)
    deadline.within(timeout, `${endpoint}: no answer within ${timeout} ms`)
    return deadline
  }

  private async exchange<T>(endpoint: string, path: string, body: object, token: string | undefined, signal: AbortSignal): Promise<T> {
    const deadline = this.deadline(endpoint, signal)
    try {
      const response = await this.send(endpoint, path, body, token, deadline.signal)
      if (response.status !== 200) throw await failure(endpoint, response)
      return JSON.parse(await textOf(response, MAX_BYTES)) as T
    } finally {
      deadline.end()
    }
  }

  private async send(
    endpoint: string,
    path: string,
    body: object,
    token: string | undefined,
    signal: AbortSignal,
  ): Promise<FetchedResponse> {
    const headers: Record<string, string> = { 'content-type': 'application/json' }
    if (token !== undefined) headers['authorization'] = token
    try {
      const init = { method: 'POST', headers, body: JSON.stringify(body), redirect: 'manual', signal } as const
      return await this.settings.fetch(`${endpoint}/v3/${path}`, init)
    } catch (error) {
      throw new Error(signal.aborted ? reasonOf(error) : `${endpoint}: ${reasonOf(error)}`, { cause: error })
    }
  }
}

async function failure(endpoint: string, response: FetchedResponse): Promise<Error> {
  const { status } = response
  if (status >= 300 && status < 400) {
    await discard(response)
    return new Error(`${endpoint}: etcd answered ${status}, and redirections are not followed`)
  }
  const text = await textOf(response, 4_096).catch(() => '')
  const error = new Error(`${endpoint}: etcd answered ${status}${wordsOf(text)}`)
  if (status >= 400 && status < 500) refusals.add(error)
  return error
}

function wordsOf(text: string): string {
  try {
    const { error, message } = JSON.parse(text) as { readonly error?: unknown; readonly message?: unknown }
    const words = typeof error === 'string' ? error : message
    return typeof words === 'string' ? `: ${words}` : ''
  } catch {
    return ''
  }
}
