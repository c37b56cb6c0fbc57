import type { IncomingHttpHeaders } from 'node:http'
import { pathText } from '@sluice/policies/schema-kit'
import { type HttpOutcome, quoted } from '@sluice/core/adapter-kit'
import { json } from '../http/answers.ts'
import { RequestError } from '../http/request-error.ts'
import type { Answer, Exchange } from '../http/route.ts'
import type { Service } from '../service.ts'
import { remainingOf } from './check-answer.ts'
import { checkDescription } from './check-description.ts'
import { checkOf, orRefused } from './checks.ts'
import type { CheckInput } from './contract.ts'
import type { Decisions } from './decisions.ts'
import { type DescribedRoute, validated } from './operation.ts'
import { checkSchema } from './schemas.ts'

/** What a parameter of this name says of the request. All others are attributes. */
const OF_REQUEST: ReadonlySet<string> = new Set(['namespace', 'method', 'path', 'host', 'ip', 'route'])
/** Begins the headers that are attributes. URLs are logged, so that credentials are better there. */
const HEADER = 'x-sluice-'

/** `GET /check`: one decision, answered by status and headers. */
export function checkRoute(service: Service, decisions: Decisions): DescribedRoute {
  return { method: 'GET', path: '/check', described: checkDescription(), handle: (exchange) => check(service, decisions, exchange) }
}

async function check(service: Service, decisions: Decisions, exchange: Exchange): Promise<Answer> {
  const input = validated(checkSchema, inputOf(exchange), 'ERR_CHECK_INVALID')
  const { charge, policies } = service.checks.of(input.namespace)
  const asked = checkOf({ ...input, ip: input.ip ?? exchange.incoming.socket.remoteAddress }, '')
  const outcome = await orRefused(() => charge(asked))
  // A slot is freed by its decision. All else is settled by those who ask for a decision, at /v1/check.
  const holds = outcome.decision?.charges.some(({ limit }) => limit.algorithm === 'concurrency') === true
  return answerTo(outcome, holds ? decisions.give(policies.name, outcome.decision) : undefined)
}

function answerTo(outcome: HttpOutcome, decision: string | undefined): Answer {
  if (!outcome.pass) return { status: outcome.status, headers: [...outcome.headers, ['Cache-Control', 'no-store']], body: outcome.body }
  const remaining = outcome.decision === undefined ? null : remainingOf(outcome.decision)
  const { granted = 1 } = outcome.decision ?? {}
  return json(200, { allowed: true, remaining, granted, delayMs: Math.ceil(outcome.delay), decision }, outcome.headers)
}

/** @throws ERR_CHECK_INVALID for a value that is given twice */
function inputOf({ incoming, url: { searchParams } }: Exchange): CheckInput {
  const input = new Map<string, unknown>()
  const attributes = new Map<string, string>()
  const add = (to: Map<string, unknown>, name: string, value: unknown) => {
    if (to.has(name)) throw invalid(name, 'expected one value, got several')
    to.set(name, value)
  }
  for (const [name, value] of searchParams) {
    if (name === 'cost') add(input, name, unitsOf(value))
    else if (OF_REQUEST.has(name)) add(input, name, value)
    else add(attributes, name, value)
  }
  for (const [name, value] of attributeHeaders(incoming.headers)) add(attributes, name, value)
  return { ...Object.fromEntries(input), attributes: Object.fromEntries(attributes) }
}

/** `X-Sluice-Api-Key: v` is the attribute `api_key`. */
function attributeHeaders(headers: IncomingHttpHeaders): readonly (readonly [string, string])[] {
  return Object.entries(headers).flatMap(([name, value]) => {
    const isAttribute = name.startsWith(HEADER) && typeof value === 'string'
    return isAttribute ? [[name.slice(HEADER.length).replaceAll('-', '_'), value] as const] : []
  })
}

function unitsOf(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw invalid('cost', `expected a whole number, 0 or more, got ${quoted(text)}`)
  return Number(text)
}

function invalid(name: string, message: string): RequestError {
  return new RequestError([{ path: pathText([name]), message }], 'ERR_CHECK_INVALID')
}
