import { type Charge, SluiceError } from '@sluice/core'
import { detach, invalid, quoted } from '@sluice/core/adapter-kit'
import type { CompiledLimit } from '../compile/revision.ts'
import type { PolicyDocument, TestRequest } from '../document.ts'
import { type Answers, Judge } from '../judge.ts'
import { FORMATS, type LogFormat } from './formats.ts'
import { Trace } from './smallest.ts'

/** The options of `replay`. */
export interface ReplayOptions {
  /** Names the log in messages, such as its path. Default: `'log'`. */
  readonly source?: string | undefined
  /** How many subjects are counted for `top`, over all limits: at least 1. Default: 100,000. */
  readonly maxSubjects?: number | undefined
  /**
   * A share of requests in percent, from 0 to 100. For each limit, the report then has the smallest number under which the limit would refuse
   * at most this share. Default: none is searched, since it takes memory for each request.
   */
  readonly under?: number | undefined
  /** Called after each 100,000 lines with their number. */
  readonly progress?: ((lines: number) => void) | undefined
}

/** What one limit would have done. */
export interface ReplayedLimit {
  /** `<policy>.<limit>`. */
  readonly limit: string
  /** Requests that the limit was asked for. */
  readonly asked: number
  /** Requests that it refused. */
  readonly refused: number
}

/** A subject that would have been refused. */
export interface RefusedSubject {
  readonly limit: string
  readonly subject: string
  readonly refused: number
}

/** The smallest number of a limit under which it refuses few requests. */
export interface SmallestLimit {
  /** `<policy>.<limit>`. */
  readonly limit: string
  /** The number in the document. The tiers of a rule have different ones. */
  readonly current: number
  /** Requests that the limit was asked for with this number. */
  readonly requests: number
  /** `undefined` where no number is enough, as where a burst is too small. */
  readonly smallest: number | undefined
}

/** What a document would have done with the requests of a log. */
export interface ReplayReport {
  readonly format: LogFormat['name'] | undefined
  readonly requests: number
  /** Requests that any limit was for. */
  readonly limited: number
  readonly refused: number
  /** ms since the epoch of the first and the last request; `undefined` for a log without requests. */
  readonly from: number | undefined
  readonly to: number | undefined
  readonly limits: readonly ReplayedLimit[]
  /** Policies in shadow: what each limit would have refused. */
  readonly shadowed: readonly ReplayedLimit[]
  /** Who was refused most often, at most 20. */
  readonly top: readonly RefusedSubject[]
  /** With `under`: for each limit, as if it were the only one. Empty without. */
  readonly smallest: readonly SmallestLimit[]
}

const SHOWN = 20
const STEP = 100_000

/**
 * Decides the requests of an access log under a document, each at its own time. The format is recognised: nginx and Apache (common,
 * combined), JSON lines, or an Application Load Balancer of AWS. A log names neither bodies nor attributes, so limits by them see none.
 * @param log the lines of the log in the order of their times, or its text in pieces, as a stream has it: the first item decides
 * @throws ERR_LOG_INVALID for a line of another format, with its number
 * @example
 * ```ts
 * import { createReadStream, readFileSync } from 'node:fs'
 * import { parseDocument, replay } from '@sluice/policies'
 *
 * const document = parseDocument(readFileSync('sluice.yaml', 'utf8'))
 * const report = await replay(createReadStream('access.log', 'utf8'), document, { source: 'access.log' })
 * console.log(report.requests, report.refused, report.limits, report.top)
 * ```
 */
export async function replay(
  log: AsyncIterable<string> | Iterable<string>,
  document: PolicyDocument,
  options: ReplayOptions = {},
): Promise<ReplayReport> {
  const run = new Replay(document, options)
  let rest: string | undefined
  let isFirst = true
  for await (const item of log) {
    // A promise for each line would take as long as a third of the decision.
    if (isFirst && item.includes('\n')) rest = ''
    isFirst = false
    if (rest === undefined) run.add(item)
    else rest = addLines(run, rest + item)
  }
  if (rest !== undefined && rest !== '') run.add(withoutReturn(rest))
  return run.report()
}

/** Adds the whole lines of a text, and returns what is after them. */
function addLines(run: Replay, text: string): string {
  let start = 0
  for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
    run.add(withoutReturn(text.slice(start, end)))
    start = end + 1
  }
  return text.slice(start)
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line
}

class Replay {
  private readonly judge: Judge
  private readonly options: ReplayOptions
  private readonly asked = new Counts()
  private readonly refusedBy = new Counts()
  private readonly shadowedBy = new Counts()
  private readonly traces = new Map<CompiledLimit<TestRequest>, Trace>()
  private readonly subjects = new Map<string, RefusedSubject & { refused: number }>()
  private format: LogFormat | undefined
  private lines = 0
  private requests = 0
  private limited = 0
  private refused = 0
  private from: number | undefined
  private now = 0

  constructor(document: PolicyDocument, options: ReplayOptions) {
    const { under } = options
    if (under !== undefined && !(under >= 0 && under <= 100)) throw invalid('replay: under', 'a share in percent, from 0 to 100', under)
    this.judge = new Judge(document, {})
    this.options = options
  }

  add(line: string): void {
    this.lines += 1
    if (this.lines % STEP === 0) this.options.progress?.(this.lines)
    if (line === '') return
    this.format ??= FORMATS.find((format) => format.read(line) !== undefined)
    const logged = this.format?.read(line)
    if (logged === undefined) throw this.refusedLine(line)
    // A server writes a line when a request has ended, so lines of one second may be out of order.
    this.now = Math.max(this.now, logged.at)
    this.from ??= logged.at
    this.requests += 1
    const { rejected, asked, binding, shadows } = this.judge.decide(logged.request, this.now)
    if (asked !== undefined || rejected !== undefined) this.limited += 1
    if (asked !== undefined) this.asked.addAll(asked.charges)
    if (asked !== undefined && this.options.under !== undefined) this.trace(asked)
    this.shadowedBy.addAll(shadows)
    if (binding === undefined && rejected === undefined) return
    this.refused += 1
    if (binding === undefined) return
    const { limit, subject } = binding.chosen
    this.refusedBy.add(limit.name)
    this.count(limit.name, subject)
  }

  report(): ReplayReport {
    const { requests, limited, refused, from, now } = this
    const limits = this.asked.entries().map(([limit, asked]) => ({ limit, asked, refused: this.refusedBy.of(limit) }))
    const shadowed = this.shadowedBy.entries().map(([limit, count]) => ({ limit, asked: requests, refused: count }))
    const top = [...this.subjects.values()].toSorted((a, b) => b.refused - a.refused).slice(0, SHOWN)
    const to = from === undefined ? undefined : now
    return { format: this.format?.name, requests, limited, refused, from, to, limits, shadowed, top, smallest: this.smallest() }
  }

  private trace({ chosen, charges }: Answers): void {
    for (const [i, { compiled, limit, subject }] of chosen.entries()) {
      // An override has numbers of its own, and 0 refuses on purpose.
      if (limit !== compiled.rule.limit || limit.limit === 0) continue
      const trace = this.traces.get(compiled) ?? new Trace()
      this.traces.set(compiled, trace)
      trace.add(this.now, subject, charges[i]?.cost ?? 1)
    }
  }

  private smallest(): readonly SmallestLimit[] {
    const { under } = this.options
    if (under === undefined) return []
    return [...this.traces].map(([compiled, trace]) => {
      const { name, limit: current } = compiled.rule.limit
      const smallest = trace.smallest(under, (limit) => compiled.amended({ limit }))
      return { limit: name, current, requests: trace.requests, smallest }
    })
  }

  private count(limit: string, subject: string): void {
    const key = `${limit} ${subject}`
    const known = this.subjects.get(key)
    if (known !== undefined) known.refused += 1
    // A view of a line would keep the whole piece of the log that it was cut from.
    else if (this.subjects.size < (this.options.maxSubjects ?? 100_000))
      this.subjects.set(detach(key), { limit, subject: detach(subject), refused: 1 })
  }

  private refusedLine(line: string): SluiceError {
    const { source = 'log' } = this.options
    const expected = this.format?.name ?? FORMATS.map(({ name }) => name).join(', ')
    return new SluiceError(
      'ERR_LOG_INVALID',
      `${source}: line ${this.lines}: expected a line of an access log (${expected}), got ${quoted(line)}`,
    )
  }
}

/** How often each limit was counted. */
class Counts {
  private readonly byName = new Map<string, { count: number }>()

  add(name: string): void {
    const known = this.byName.get(name)
    if (known === undefined) this.byName.set(name, { count: 1 })
    else known.count += 1
  }

  addAll(charges: readonly Charge[]): void {
    for (let i = 0; i < charges.length; i++) this.add((charges[i] as Charge).limit.name)
  }

  of(name: string): number {
    return this.byName.get(name)?.count ?? 0
  }

  entries(): readonly (readonly [name: string, count: number])[] {
    return [...this.byName].map(([name, { count }]) => [name, count])
  }
}
