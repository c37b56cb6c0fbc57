/** A piece of a line and its colour. */
export interface Piece {
  readonly text: string
  readonly kind: 'key' | 'text' | 'number' | 'comment' | 'plain'
}

const TOKEN =
  /(#.*$)|("(?:[^"\\]|\\.)*"|'(?:[^']|'')*')(\s*:(?=\s|$))?|([A-Za-z_][\w.$/-]*)(?=\s*:(?:\s|$))|(?<![\w.-])(-?\d+(?:\.\d+)?(?:ms|s|m|h|d)?|true|false|null)(?![\w.-])/g

/** The pieces of a line of YAML or JSON. A text of several lines is not followed: a wrong colour does no harm. */
export function piecesOf(line: string): readonly Piece[] {
  const pieces: Piece[] = []
  let end = 0
  for (const match of line.matchAll(TOKEN)) {
    const [all, comment, quoted, colon, name] = match
    // A # inside a word starts no comment.
    if (comment !== undefined && match.index > 0 && !/\s/.test(line[match.index - 1]!)) continue
    if (match.index > end) pieces.push({ text: line.slice(end, match.index), kind: 'plain' })
    if (quoted !== undefined && colon !== undefined) pieces.push({ text: quoted, kind: 'key' }, { text: colon, kind: 'plain' })
    else
      pieces.push({
        text: all,
        kind: comment !== undefined ? 'comment' : quoted !== undefined ? 'text' : name !== undefined ? 'key' : 'number',
      })
    end = match.index + all.length
  }
  if (end < line.length) pieces.push({ text: line.slice(end), kind: 'plain' })
  return pieces
}
