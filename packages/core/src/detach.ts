/** V8 copies a substring below this length. A longer one is a view that keeps the whole text alive. */
const MIN_VIEW_LENGTH = 13

/** A copy of a text. Without it, a stored text would keep alive the header or body that it was cut from. */
export function detach(text: string): string {
  return text.length < MIN_VIEW_LENGTH ? text : (JSON.parse(JSON.stringify(text)) as string)
}
