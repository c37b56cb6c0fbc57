import { spanOf } from '../blocks/block-text.ts'
import { type Paint, plain, table } from '../terminal/terminal.ts'

/** What `/v1/check` answers, as far as it is shown. */
export interface CheckAnswer {
  readonly allowed: boolean
  readonly verdict: string
  readonly status: number
  readonly namespace: string
  readonly revision: number | null
  readonly policies: readonly string[]
  readonly tier: string | null
  readonly binding: string | null
  readonly retryAfterMs: number | null
  readonly delayMs: number
  readonly source: string
  /** Why a request was refused that no limit refuses. */
  readonly problem?: { readonly detail?: string }
  readonly limits: readonly {
    readonly name: string
    readonly limit: number
    readonly remaining: number | null
    readonly used: number | null
    readonly resetAfterMs: number | null
    readonly allowed: boolean | null
  }[]
}

/** An answer as a person reads it: at most 80 columns where names are short. */
export function answerView(answer: CheckAnswer, paint: Paint): string {
  const { allowed, verdict, status, namespace, revision, policies, tier, binding, retryAfterMs, delayMs, source, problem, limits } = answer
  const head = `${paint(allowed ? 'green' : 'red', verdict)}  ${plain(namespace)}${revision === null ? '' : ` revision ${revision}`}`
  const facts = [
    policies.length === 0 ? '' : `by ${policies.map(plain).join(', ')}`,
    tier === null ? '' : `tier ${plain(tier)}`,
    allowed || binding === null ? '' : `${plain(binding)} refuses`,
    allowed ? '' : `status ${status}`,
    binding === null && problem?.detail !== undefined ? plain(problem.detail).replace(/\.$/, '') : '',
    allowed || status === 400 ? '' : retryAfterMs === null ? 'never admitted' : `retry in ${spanOf(Math.ceil(retryAfterMs / 1000) * 1000)}`,
    delayMs > 0 ? `delayed by ${delayMs} ms` : '',
    source === 'none' ? '' : `decided by ${plain(source)}`,
  ].filter((fact) => fact !== '')
  const lines = [head, ...(facts.length === 0 ? [] : [`  ${facts.join(', ')}`])]
  if (limits.length === 0) return [...lines, allowed ? '  nothing limits this request' : ''].filter((line) => line !== '').join('\n')
  const rows = limits.map(({ name, limit, used, remaining, resetAfterMs }) => [
    `  ${name}`,
    number(used),
    number(limit),
    number(remaining),
    resetAfterMs === null ? '?' : spanOf(Math.ceil(resetAfterMs / 1000) * 1000),
  ])
  const [first = '', ...body] = table(['  limit', 'used', 'of', 'left', 'full again in'], rows).split('\n')
  return [...lines, paint('dim', first), ...body.map((line, i) => (limits[i]?.allowed === false ? paint('red', line) : line))].join('\n')
}

function number(value: number | null): string {
  return value === null ? '?' : value.toLocaleString('en')
}
