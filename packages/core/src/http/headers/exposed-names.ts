// The header that lets scripts of other origins read the headers of a response. Other middleware writes it too, such as that for CORS,
// before or after the limiter. So its value is a union, and no one's names are lost.

export type HeaderValue = string | number | readonly string[] | null | undefined

export const EXPOSE = 'Access-Control-Expose-Headers'

/** The names of two lists, each once. Node returns a list for a header that was set to one. */
export function joinNames(before: HeaderValue, added: string): string {
  if (before === undefined || before === null || before === '') return added
  const list = [before].flat().join(', ')
  const known = new Set(list.split(',').map((name) => name.trim().toLowerCase()))
  return [list, ...added.split(', ').filter((name) => !known.has(name.toLowerCase()))].join(', ')
}
