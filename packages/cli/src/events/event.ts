import { createHmac } from 'node:crypto'
import { type Paint, plain } from '../terminal/terminal.ts'

/** A decision, as `decisionEvents` writes it. Everything may be missing: a file may have lines of others. */
export type WatchedEvent = Readonly<Partial<Record<string, unknown>>>

const VERDICTS: Readonly<Record<string, Parameters<Paint>[0]>> = { allowed: 'green', refused: 'red', blocked: 'red', unavailable: 'yellow' }

/** The event in a line of JSON; `undefined` if there is none of a decision in it. */
export function eventIn(line: string): WatchedEvent | undefined {
  try {
    const event = JSON.parse(line) as WatchedEvent | null
    const isDecision =
      typeof event === 'object' && event !== null && typeof event['verdict'] === 'string' && typeof event['id'] === 'string'
    return isDecision ? event : undefined
  } catch {
    return undefined
  }
}

/** The fields by which events are chosen. */
export const FILTERS = ['verdict', 'namespace', 'policy', 'tenant', 'endpoint', 'tier', 'mode', 'region', 'subject'] as const
export type Filters = Readonly<Partial<Record<(typeof FILTERS)[number], string>>>

/** What chooses events. A subject may be given as it is: it is compared with its HMAC. */
export function filterBy(filters: Filters, secret: string | undefined): (event: WatchedEvent) => boolean {
  const { subject } = filters
  const hashed = subject === undefined || secret === undefined ? undefined : hashOf(subject, secret)
  const wanted = FILTERS.flatMap((name) => {
    const value = filters[name]
    return value === undefined ? [] : [{ name, values: value.split(',') }]
  })
  return (event) =>
    wanted.every(({ name, values }) => values.includes(String(event[name])) || (name === 'subject' && event[name] === hashed))
}

/** What stands for a subject in events: the first half of an HMAC. */
function hashOf(subject: string, secret: string): string {
  return createHmac('sha256', secret).update(subject).digest('hex').slice(0, 32)
}

/** An event as a person reads it. */
export function textOf(event: WatchedEvent, paint: Paint): string {
  const text = (name: string): string => plain(typeof event[name] === 'string' ? event[name] : '')
  const number = (name: string): number => (typeof event[name] === 'number' ? event[name] : 0)
  const verdict = text('verdict')
  const isLimited = text('policy') !== ''
  const parts = [
    paint('dim', timeOf(number('at'))),
    paint(VERDICTS[verdict] ?? 'yellow', verdict.padEnd(8)),
    [text('namespace'), ...(isLimited ? [`${text('policy')}.${text('limit')}`] : [])].join(' '),
    [text('method'), text('endpoint')].filter((part) => part !== '').join(' '),
    text('subject'),
    text('tenant') && `tenant ${text('tenant')}`,
    text('tier') && `tier ${text('tier')}`,
    text('mode') === 'enforce' ? '' : text('mode'),
    isLimited ? `left ${number('remaining')}` : '',
    waitOf(number('retry_after_ms')),
    text('source'),
    number('weight') === 1 ? '' : `for ${Math.round(number('weight'))}`,
    text('trace_id') && `trace ${text('trace_id')}`,
  ]
  return parts.filter((part) => part !== '').join('  ')
}

function timeOf(at: number): string {
  // Any other number has no date.
  return at > 0 && at < 8_640_000_000_000_000 ? new Date(at).toISOString().slice(11, 23) : '--:--:--.---'
}

function waitOf(ms: number): string {
  if (ms < 0) return 'never admitted'
  return ms === 0 ? '' : `wait ${ms < 10_000 ? `${ms} ms` : `${Math.ceil(ms / 1_000)} s`}`
}
