// The header that lets scripts of other origins read the headers of a response. Other middleware writes it too, such as that for CORS,
// before or after the limiter. So its value is a union, and no one's names are lost.

export const EXPOSE = 'Access-Control-Expose-Headers'

/** The names of two lists, each once. */
export function joinNames(before: unknown, added: string): string {
  if (before === undefined || before === null || before === '') return added
  // Node returns a list for a header that was set to one.
  const list = [before].flat().join(', ')
  const known = new Set(list.split(',').map((name) => name.trim().toLowerCase()))
  return [list, ...added.split(', ').filter((name) => !known.has(name.toLowerCase()))].join(', ')
}
