/**
 * The attribute that separates clients in the built-in document: all attributes of a check as one text. No attribute of a check has a space in
 * its name. A dot would make it a path.
 */
export const EVERYTHING = 'sluice check'

/** What holds without documents. */
export const DEFAULT_DOCUMENT: string = `apiVersion: sluice/v1
namespace: default
revision: 1
subjects: { client: { parts: [{ attribute: ${EVERYTHING} }], missing: address } }
policies:
  - name: api
    rules: [{ name: all, limits: [{ name: minute, algorithm: slidingWindow, limit: 100, window: 1m, subject: client }] }]
`

/** The attributes as one text: sorted, so that their order makes no other client. `undefined` without attributes. */
export function describe(attributes: Readonly<Record<string, unknown>>): string | undefined {
  const names = Object.keys(attributes)
  if (names.length === 0) return undefined
  return JSON.stringify(names.toSorted().map((name) => [name, textOf(attributes[name])]))
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
