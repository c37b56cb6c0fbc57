import { get, Problem, send } from './api.ts'
import { Store } from './store.ts'
import { refreshSwitches } from './switches.ts'
import type { Change, Overview, Sample } from './types.ts'

/** What the stream has brought so far. */
export interface Live {
  readonly state: 'connecting' | 'live' | 'lost'
  readonly overview: Overview | undefined
  /** The last 15 minutes, oldest first. */
  readonly samples: readonly Sample[]
  /** The latest revisions, newest first. */
  readonly changes: readonly (Change & { readonly at: number })[]
  readonly problem: string | undefined
}

const KEPT_MS = 15 * 60_000
const KEPT_CHANGES = 20
/** A stream that is silent for so long is broken: a sample comes each second. */
const SILENCE_MS = 15_000
const RETRY_MS = [500, 1000, 2000, 5000, 10_000]

const NOTHING: Live = { state: 'connecting', overview: undefined, samples: [], changes: [], problem: undefined }
export const live: Store<Live> = new Store<Live>(NOTHING)

/** Follows the service until the returned function is called. It connects again after each loss. */
export function follow(): () => void {
  const controller = new AbortController()
  live.set(NOTHING)
  void run(controller.signal)
  return () => controller.abort()
}

/** Instances and namespaces change without an event for each change. */
export async function refreshOverview(signal?: AbortSignal): Promise<void> {
  const overview = await get<Overview>('overview', {}, signal)
  live.set({ ...live.value, overview })
}

async function run(signal: AbortSignal): Promise<void> {
  for (let losses = 0; !signal.aborted; losses += 1) {
    const connectedAt = performance.now()
    try {
      await connect(signal)
    } catch (error) {
      if (signal.aborted) return
      // The session ends with the token. Nothing connects with it again.
      if (error instanceof Problem && error.status === 401) return
      live.set({ ...live.value, state: 'lost', problem: error instanceof Problem ? error.message : 'The stream of the service broke.' })
    }
    if (performance.now() - connectedAt > 60_000) losses = 0
    await pause(RETRY_MS[Math.min(losses, RETRY_MS.length - 1)]!, signal)
  }
}

async function connect(signal: AbortSignal): Promise<void> {
  const stream = new AbortController()
  const both = AbortSignal.any([signal, stream.signal])
  const response = await send('GET', 'live', { signal: both })
  const history = await get<{ readonly samples: readonly Sample[] }>('live/history', { minutes: 15 }, both).catch(() => ({ samples: [] }))
  live.set({ ...live.value, samples: merged(live.value.samples, history.samples) })
  let timer = setTimeout(() => stream.abort(), SILENCE_MS)
  try {
    for await (const { event, data } of eventsOf(response.body!)) {
      clearTimeout(timer)
      timer = setTimeout(() => stream.abort(), SILENCE_MS)
      receive(event, data)
    }
  } finally {
    clearTimeout(timer)
    stream.abort()
  }
  throw new Problem(0, 'The service ended the stream.')
}

function receive(event: string, data: string): void {
  const now = { ...live.value, state: 'live' as const, problem: undefined }
  if (event === 'sample') live.set({ ...now, samples: merged(now.samples, [JSON.parse(data) as Sample]) })
  else if (event === 'overview') live.set({ ...now, overview: JSON.parse(data) as Overview })
  else if (event === 'change') {
    const change = { ...(JSON.parse(data) as Change), at: Date.now() }
    live.set({ ...now, changes: [change, ...now.changes].slice(0, KEPT_CHANGES) })
    // The revisions of the instances are new as well, and it may be that of a kill switch.
    void Promise.allSettled([refreshOverview(), refreshSwitches()])
  }
}

/** In the order of their times, each once, without what is too old. */
function merged(kept: readonly Sample[], added: readonly Sample[]): readonly Sample[] {
  const last = kept.at(-1)?.at ?? 0
  const isLater = added.every(({ at }) => at > last)
  const all = isLater ? [...kept, ...added] : [...new Map([...added, ...kept].map((each) => [each.at, each])).values()]
  if (!isLater) all.sort((a, b) => a.at - b.at)
  const oldest = (all.at(-1)?.at ?? 0) - KEPT_MS
  const start = all.findIndex(({ at }) => at >= oldest)
  return start <= 0 ? all : all.slice(start)
}

/** The events of a stream in the format of server-sent events. `EventSource` cannot send a token. */
async function* eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<{ readonly event: string; readonly data: string }> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader()
  let text = ''
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      text += value
      const blocks = text.split(/\r?\n\r?\n/)
      text = blocks.pop()!
      for (const block of blocks) yield eventOf(block)
    }
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}

function eventOf(block: string): { readonly event: string; readonly data: string } {
  const lines = block.split(/\r?\n/)
  const of = (field: string) => lines.filter((line) => line.startsWith(`${field}:`)).map((line) => line.slice(field.length + 1).trimStart())
  return { event: of('event')[0] ?? 'message', data: of('data').join('\n') }
}

function pause(wait: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, wait)
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true })
  })
}
