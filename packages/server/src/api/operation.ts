import { findingsOf, pathText, type Schema } from '@sluice/policies/schema-kit'
import { type GenericSchema, safeParse } from 'valibot'
import type { MaybePromise } from '@sluice/core'
import { readJson } from '../http/read-json.ts'
import { RequestError, type RequestProblem } from '../http/request-error.ts'
import type { Answer, Exchange, Route } from '../http/route.ts'

/** What the OpenAPI document says of an answer. */
export interface DescribedAnswer {
  readonly description: string
  /** The schema of its JSON. Default: it has no body, or a problem from status 400 on. */
  readonly body?: GenericSchema | undefined
  /** The type of its body. Default: JSON. */
  readonly type?: string | undefined
  /** What its headers mean, by name. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** A parameter that the OpenAPI document shows, and the endpoint reads itself. */
export interface DescribedParameter {
  readonly name: string
  readonly in: 'query' | 'header'
  readonly description: string
  readonly schema: GenericSchema
  /** Each field of the object is a parameter of its own. */
  readonly isExploded?: boolean | undefined
}

/** What the OpenAPI document says of an endpoint. */
export interface Description {
  /** Names it in generated clients, such as `publishPolicies`. */
  readonly id: string
  /** The group in which it is shown. */
  readonly tag: string
  readonly summary: string
  readonly description?: string | undefined
  /** By status. */
  readonly answers: Readonly<Record<number, DescribedAnswer>>
  readonly parameters?: readonly DescribedParameter[] | undefined
  /** Whether it needs a token. Default: false. */
  readonly needsToken?: boolean | undefined
}

/** A route with what the OpenAPI document says of it. */
export interface DescribedRoute extends Route {
  readonly described: Described
}

export interface Described extends Description {
  readonly query?: Schema<any> | undefined
  readonly body?: Schema<any> | undefined
}

/** An endpoint: its route, its schemas, and what it answers. `Q`: the parameters of its query. `B`: its body. */
export interface Operation<Q, B> extends Description, Pick<Route, 'method' | 'path' | 'takesList'> {
  /** An object of the parameters of the query, each a text. Others are refused. Default: the query is not read. */
  readonly query?: Schema<Q> | undefined
  /** The body, as JSON. Default: it is not read. */
  readonly body?: Schema<B> | undefined
  /** The code of a request that does not fit. Default: `ERR_REQUEST_INVALID`. */
  readonly code?: 'ERR_REQUEST_INVALID' | 'ERR_CHECK_INVALID' | undefined
  handle(this: void, input: { readonly query: Q; readonly body: B }, exchange: Exchange): MaybePromise<Answer>
}

/**
 * Makes a route that validates its requests by the schemas which the OpenAPI document shows.
 * The route itself throws ERR_REQUEST_INVALID, ERR_REQUEST_TOO_LARGE, ERR_REQUEST_MEDIA.
 */
export function operation<Q = undefined, B = undefined>(given: Operation<Q, B>): DescribedRoute {
  const { method, path, takesList, code, handle, ...described } = given
  const { query, body } = described
  return {
    method,
    path,
    takesList,
    described,
    async handle(exchange) {
      const input = {
        query: (query && validated(query, queryOf(exchange.url.searchParams), code)) as Q,
        body: (body && validated(body, await readJson(exchange), code)) as B,
      }
      return await handle(input, exchange)
    },
  }
}

/** @throws RequestError */
export function validated<T>(schema: Schema<T>, value: unknown, code: Operation<T, T>['code']): T {
  const result = safeParse(schema, value)
  if (result.success) return result.output
  throw new RequestError(findingsOf(result.issues).map(problemOf), code)
}

/** What may hold a credential is in no message. */
const SECRET: ReadonlySet<unknown> = new Set(['attributes', 'headers', 'body', 'decision', 'path'])

function problemOf({ path, message }: ReturnType<typeof findingsOf>[number]): RequestProblem {
  const isSecret = path.some((step) => SECRET.has(step))
  return { path: pathText(path), message: isSecret ? message.replace(/, got [^]*$/, '') : message }
}

/** @throws RequestError for a parameter that is given twice */
function queryOf(parameters: URLSearchParams): Readonly<Record<string, string>> {
  const entries = [...parameters]
  const twice = entries.find(([name], i) => entries.findIndex(([other]) => other === name) < i)
  if (twice !== undefined) throw new RequestError([{ path: pathText([twice[0]]), message: 'expected one value, got several' }])
  return Object.fromEntries(entries)
}
