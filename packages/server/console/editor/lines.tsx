import type { DocumentProblem } from '../lib/types.ts'
import { piecesOf } from './highlight.ts'

/** px, as in style/editor.css. */
const LINE = 20
const BEYOND = 20

interface Props {
  readonly lines: readonly string[]
  readonly problems: readonly DocumentProblem[]
  readonly top: number
  readonly left: number
  readonly height: number
}

/** The coloured lines that the transparent text field lies on, as many as are in view. Screen readers read the text field. */
export function Lines({ lines, problems, top, left, height }: Props) {
  const first = Math.max(0, Math.floor(top / LINE) - BEYOND)
  const last = Math.min(lines.length, Math.ceil((top + Math.max(height, 400)) / LINE) + BEYOND)
  const marked = new Map(problems.flatMap((each) => (each.line ? [[each.line, each] as const] : [])))
  return (
    <div class="lines" aria-hidden="true">
      <div style={{ transform: `translateY(${first * LINE - top}px)` }}>
        {lines.slice(first, last).map((line, i) => {
          const number = first + i + 1
          const problem = marked.get(number)
          return (
            <div key={number} class={`line ${problem === undefined ? '' : problem.rule === undefined ? 'bad' : 'warn'}`}>
              <span class="line-number">{number}</span>
              <span class="line-text" style={{ transform: `translateX(${-left}px)` }}>
                {piecesOf(line).map(({ text, kind }, j) => (
                  <span key={j} class={`t-${kind}`}>
                    {text}
                  </span>
                ))}
              </span>
            </div>
          )
        })}
      </div>
    </div>
  )
}
