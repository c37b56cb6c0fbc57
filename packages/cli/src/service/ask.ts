import { systemClock } from '@sluice/core'
import { failed } from '../terminal/terminal.ts'

/** ms for a whole answer. */
const TIMEOUT = 10_000

/** What a service answered. */
export interface Answered {
  readonly status: number
  /** The parsed body; `undefined` if it is no JSON. */
  readonly value: unknown
}

/** A request to a service, with JSON both ways. */
export interface Asked {
  readonly method?: 'GET' | 'POST'
  readonly body?: unknown
  /** Sent as `Authorization: Bearer`. */
  readonly token?: string | undefined
}

/** @throws ERR_COMMAND_FAILED if there is no answer */
export async function ask(url: string, { method = 'GET', body, token }: Asked): Promise<Answered> {
  const abort = new AbortController()
  const stop = systemClock.after(TIMEOUT, () => abort.abort())
  try {
    const response = await fetch(url, {
      method,
      // A redirection would send the token to another server.
      redirect: 'error',
      signal: abort.signal,
      headers: {
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return { status: response.status, value: parsed(await response.text()) }
  } catch (error) {
    throw failed(
      `${new URL(url).origin} cannot be reached: ${abort.signal.aborted ? `no answer in ${TIMEOUT} ms` : reasonOf(error)}`,
      error,
    )
  } finally {
    stop()
  }
}

/** The reason of a failed `fetch`, which is in its cause. */
function reasonOf(error: unknown): string {
  const { cause, message } = error as { readonly cause?: unknown; readonly message: string }
  return cause instanceof Error ? cause.message || String((cause as { readonly code?: string }).code) : message
}

/** The error of an answer that is none that was asked for. */
export function refusedBy(url: string, { status, value }: Answered): Error {
  const { detail, code, errors } = (value ?? {}) as { readonly detail?: string; readonly code?: string; readonly errors?: unknown }
  const more = Array.isArray(errors)
    ? `: ${errors.map((each: { path?: string; message?: string }) => `${each.path}: ${each.message}`).join('; ')}`
    : ''
  return failed(
    `${new URL(url).origin} answers with status ${status}: ${detail ?? 'no reason'}${more}${code === undefined || detail?.includes(code) === true ? '' : ` (${code})`}`,
  )
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
