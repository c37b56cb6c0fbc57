/** V8 copies a substring below this length. A longer one is a view that keeps the whole text alive. */
const MIN_VIEW_LENGTH = 13

/** Copies a text, if it may be a view. Without the copy, a stored text keeps the whole header or body in memory that it was cut from. */
export function detach(text: string): string {
  return text.length < MIN_VIEW_LENGTH ? text : (JSON.parse(JSON.stringify(text)) as string)
}
