/** What a source asks of `fetch`. The function of the runtime has this shape, and so has that of `undici`. */
export type Fetch = (url: string, init: FetchInit) => Promise<FetchedResponse>

/** A request as a source makes it. */
export interface FetchInit {
  readonly method: string
  readonly headers: Record<string, string>
  readonly body?: string
  /** Redirections are left to the source, which does not follow them to another origin. */
  readonly redirect: 'manual'
  readonly signal: AbortSignal
}

/** The part of a `Response` that a source reads. */
export interface FetchedResponse {
  readonly status: number
  readonly headers: { get(name: string): string | null }
  readonly body: { getReader(): BodyReader } | null
}

/** The part of a reader of a body that a source uses. */
export interface BodyReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>
  cancel(): Promise<unknown>
}

/** Why a request failed, in the words of the connection: `fetch` itself says no more than "fetch failed". */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error as { readonly cause?: unknown }
  if (!(cause instanceof Error)) return error.message
  // Node tries each address of a host name, and reports all failures in an error without a message.
  const { errors, code } = cause as { readonly errors?: readonly unknown[]; readonly code?: string }
  return cause.message || (errors?.[0] instanceof Error ? errors[0].message : (code ?? error.message))
}

/** Reads a body chunk by chunk. A loop that stops early ends the connection. */
export async function* chunksOf({ body }: FetchedResponse): AsyncGenerator<Uint8Array, void, undefined> {
  if (body === null) return
  const reader = body.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      if (value !== undefined) yield value
    }
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}

/** Ends a connection whose body is not read. */
export async function discard({ body }: FetchedResponse): Promise<void> {
  await body
    ?.getReader()
    .cancel()
    .catch(() => undefined)
}

/** The text of a body. What is longer than `max` bytes is cut after them, so that it is refused for its length. */
export async function textOf(response: FetchedResponse, max: number): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  for await (const chunk of chunksOf(response)) {
    text += decoder.decode(chunk, { stream: true })
    bytes += chunk.byteLength
    if (bytes > max) break
  }
  return text + decoder.decode()
}
