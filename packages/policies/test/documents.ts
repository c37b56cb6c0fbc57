import { parseDocument, type PolicyDocument, PolicyError, type Problem } from '../src/index.ts'

const SUBJECTS = `
subjects:
  address: { parts: [{ ip: true }] }
  client: { parts: [{ attribute: client }], missing: address }
  key: { parts: [{ header: x-api-key }], missing: reject }
  gateway: { parts: [{ header: x-consumer }], trusted: true }
  account: { parts: [{ body: email, normalize: lower }], missing: skip }
  tenant: { parts: [{ attribute: tenant }], missing: reject }
  member: { parts: [{ attribute: tenant }, { attribute: user }], missing: skip }
tier: { attribute: plan, default: free }
`

/** A limit of 3 a minute, with other fields. */
export function limit(fields = ''): string {
  return `{ name: minute, algorithm: slidingWindow, limit: 3, window: 1m, subject: client${fields === '' ? '' : `, ${fields}`} }`
}

/** A document with one policy, `api`, of one rule. */
export function withPolicy(fields: string, rule: string = `limits: [${limit()}]`): string {
  return `${head()}policies:\n  - name: api\n    rules: [{ name: all, ${rule} }]\n${fields === '' ? '' : `    ${fields}\n`}`
}

/** What stands above the policies of a document. */
export function head(fields = ''): string {
  return `apiVersion: sluice/v1\nnamespace: shop\nrevision: 7${SUBJECTS}${fields}`
}

export function parsed(text: string): PolicyDocument {
  return parseDocument(text, { source: 'test.yaml' })
}

/** What is wrong with a document; empty if nothing is. */
export function problemsOf(text: string): readonly Problem[] {
  try {
    parsed(text)
    return []
  } catch (error) {
    if (error instanceof PolicyError) return error.problems
    throw error
  }
}
