const FIELD = /^(\s*"?revision"?\s*:\s*)\d+/m
// JSON on one line.
const INSIDE = /("revision"\s*:\s*)\d+/

/** The document with another revision: the first field of this name is that of the document. */
export function withRevision(text: string, revision: number): string {
  const pattern = FIELD.test(text) ? FIELD : INSIDE
  return text.replace(pattern, (_all, before: string) => `${before}${revision}`)
}
