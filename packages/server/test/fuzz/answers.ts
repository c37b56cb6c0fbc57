import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import type { FuzzedRequest, OpenApi } from './requests.ts'

export interface FuzzedReply {
  readonly request: FuzzedRequest
  readonly status: number
  readonly type: string
  readonly body: string
}

/** What every endpoint may answer, whatever the document says of it. */
const ALWAYS = new Set([405, 408, 413, 415, 431])

/** Compares answers with the document. */
export class Answers {
  private readonly document: OpenApi
  private readonly ajv: Ajv2020
  private readonly known = new Map<string, ValidateFunction>()

  constructor(document: OpenApi) {
    this.document = document
    this.ajv = new Ajv2020({ strict: false })
    this.ajv.addSchema(document, 'openapi')
  }

  /** What is wrong with an answer; `undefined` for one that the document describes. */
  faultOf(reply: FuzzedReply): string | undefined {
    const { request, status, body } = reply
    const fault = this.wrongIn(reply)
    return fault && `${fault}\n${request.method} ${request.path}\n${request.body ?? ''}\n${status} ${body}`
  }

  private wrongIn({ request: { template, method }, status, type, body }: FuzzedReply): string | undefined {
    if (status === 500) return 'a failure of the service'
    const operation = this.document.paths[template]?.[method === 'HEAD' ? 'get' : method.toLowerCase()]
    if (operation === undefined) return status === 404 || status === 405 ? undefined : 'no such endpoint is described'
    const described = operation.responses[status]
    if (described === undefined) return ALWAYS.has(status) ? undefined : 'the status is not described'
    if (method === 'HEAD') return undefined
    const expected = Object.keys(described.content ?? {})[0]
    if (expected === undefined) return body === '' ? undefined : 'a body is not described'
    if (!expected.endsWith('json')) return type.split(';')[0] === expected ? undefined : `the type is not described: ${type}`
    if (type !== expected) return `the type is not described: ${type}`
    const validate = this.validatorOf(template, method, status, expected)
    return validate(JSON.parse(body)) ? undefined : `the body does not fit: ${JSON.stringify(validate.errors)}`
  }

  private validatorOf(template: string, method: string, status: number, type: string): ValidateFunction {
    const escape = (step: string) => step.replaceAll('~', '~0').replaceAll('/', '~1')
    const steps = ['paths', template, method.toLowerCase(), 'responses', String(status), 'content', type, 'schema']
    const pointer = `openapi#/${steps.map((step) => encodeURIComponent(escape(step))).join('/')}`
    let validate = this.known.get(pointer)
    if (validate === undefined) this.known.set(pointer, (validate = this.ajv.compile({ $ref: pointer })))
    return validate
  }
}
