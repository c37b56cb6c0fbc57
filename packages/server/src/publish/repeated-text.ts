import { isMap, isScalar, type Pair, parseDocument, type Scalar } from 'yaml'

/**
 * The text of a rollback: that of the revision `rollbackOf`, with a new revision. Nothing else of the text changes, so that comments and
 * layout stay.
 * @param text a valid document, in YAML or JSON
 * @example
 * ```ts
 * import { repeatedText } from '@sluice/server'
 *
 * console.log(repeatedText('apiVersion: sluice/v1\nnamespace: shop\nrevision: 40\n', 43, 40))
 * ```
 */
export function repeatedText(text: string, revision: number, rollbackOf: number): string {
  const { contents } = parseDocument(text)
  const pairs: readonly Pair[] = isMap(contents) ? contents.items : []
  const valueOf = (name: string): Scalar | undefined => {
    const value = pairs.find(({ key }) => isScalar(key) && key.value === name)?.value
    return isScalar(value) ? value : undefined
  }
  const edits: (readonly [start: number, end: number, text: string])[] = []
  const [from = 0, to = 0] = valueOf('revision')?.range ?? []
  edits.push([from, to, String(revision)])
  const known = valueOf('rollbackOf')?.range
  if (known) edits.push([known[0], known[1], String(rollbackOf)])
  else if (isMap(contents) && contents.flow === true) edits.push([to, to, `, "rollbackOf": ${rollbackOf}`])
  else {
    const end = text.indexOf('\n', to)
    edits.push(end < 0 ? [text.length, text.length, `\nrollbackOf: ${rollbackOf}`] : [end + 1, end + 1, `rollbackOf: ${rollbackOf}\n`])
  }
  let edited = text
  for (const [start, end, replacement] of edits.toSorted((one, other) => other[0] - one[0]))
    edited = edited.slice(0, start) + replacement + edited.slice(end)
  return edited
}
