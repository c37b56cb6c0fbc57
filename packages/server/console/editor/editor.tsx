import { useEffect, useId, useMemo, useRef, useState } from 'preact/hooks'
import type { DocumentProblem } from '../lib/types.ts'
import { contextAt } from './context.ts'
import { Lines } from './lines.tsx'
import { type Completion, completionsAt, descriptionAt, type Schema } from './schema.ts'

interface Props {
  readonly label: string
  readonly text: string
  readonly onText?: (text: string) => void
  readonly schema?: Schema | undefined
  readonly problems?: readonly DocumentProblem[]
  readonly isReadOnly?: boolean
}

interface Popup {
  readonly items: readonly Completion[]
  readonly selected: number
  readonly typed: string
  readonly isKey: boolean
}

const MOST = 12
/** px, as in style/editor.css. */
const LINE = 20
/** px, the width of the list of completions: it must not be cut at the side. */
const LIST = 490

/** A text field for a document: colours, line numbers, marks of problems, and what the schema allows at the cursor. */
export function Editor({ label, text, onText, schema, problems = [], isReadOnly = false }: Props) {
  const area = useRef<HTMLTextAreaElement>(null)
  const ids = { list: useId(), help: useId() }
  const [popup, setPopup] = useState<Popup | undefined>(undefined)
  const [about, setAbout] = useState('')
  const [view, setView] = useState({ top: 0, left: 0, height: 0 })
  const lines = useMemo(() => text.split('\n'), [text])
  /** The cursor, once the new text is in the field. */
  const next = useRef<number>(undefined)

  useEffect(() => {
    if (next.current === undefined) return
    area.current!.setSelectionRange(next.current, next.current)
    next.current = undefined
  })
  useEffect(() => {
    const element = area.current!
    const observer = new ResizeObserver(() => setView((old) => ({ ...old, height: element.clientHeight })))
    observer.observe(element)
    return () => observer.disconnect()
  }, [])

  const look = (isAsked: boolean) => {
    const { selectionStart, value } = area.current!
    const context = schema && contextAt(value, selectionStart)
    setAbout((schema && context && descriptionAt(schema, context)) ?? '')
    const isWanted = context !== undefined && (isAsked || context.typed !== '')
    const items = schema && isWanted ? completionsAt(schema, context).slice(0, MOST) : []
    setPopup(items.length > 0 && context ? { items, selected: 0, typed: context.typed, isKey: context.kind === 'key' } : undefined)
  }
  const insert = (added: string, removed = 0) => {
    const { selectionStart, selectionEnd, value } = area.current!
    const start = selectionStart - removed
    next.current = start + added.length
    onText?.(value.slice(0, start) + added + value.slice(selectionEnd))
  }
  const accept = ({ items, selected, typed, isKey }: Popup) => {
    insert(items[selected]!.text + (isKey ? ': ' : ''), typed.length)
    setPopup(undefined)
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (isReadOnly) return
    if (event.ctrlKey && event.key === ' ') {
      event.preventDefault()
      return look(true)
    }
    if (event.key === 'Enter' && popup === undefined) {
      event.preventDefault()
      return insert(`\n${indentAfter(area.current!)}`)
    }
    if (popup === undefined) return
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (step !== undefined) setPopup({ ...popup, selected: (popup.selected + step + popup.items.length) % popup.items.length })
    else if (event.key === 'Enter' || event.key === 'Tab') accept(popup)
    else if (event.key === 'Escape') setPopup(undefined)
    else return
    event.preventDefault()
  }
  const cursor = popup && area.current ? placeOf(area.current) : undefined
  return (
    <div class="editor">
      <Lines lines={lines} problems={problems} top={view.top} left={view.left} height={view.height} />
      <textarea
        ref={area}
        aria-label={label}
        aria-describedby={schema && ids.help}
        aria-autocomplete={schema ? 'list' : undefined}
        aria-controls={popup && ids.list}
        aria-activedescendant={popup && `${ids.list}-${popup.selected}`}
        wrap="off"
        spellcheck={false}
        autocapitalize="off"
        readOnly={isReadOnly}
        value={text}
        onInput={(event) => (onText?.(event.currentTarget.value), look(false))}
        onKeyDown={onKeyDown}
        onKeyUp={(event) => /^(Arrow(Left|Right)|Home|End)$/.test(event.key) && look(false)}
        onClick={() => look(false)}
        onBlur={() => setPopup(undefined)}
        onScroll={({ currentTarget: { scrollTop, scrollLeft } }) => setView((old) => ({ ...old, top: scrollTop, left: scrollLeft }))}
      />
      {popup && cursor && (
        <ul class="completions" role="listbox" id={ids.list} aria-label="What may stand here" style={cursor}>
          {popup.items.map((item, i) => (
            <li
              key={item.text}
              role="option"
              id={`${ids.list}-${i}`}
              aria-selected={i === popup.selected}
              onMouseDown={(event) => (event.preventDefault(), accept({ ...popup, selected: i }))}
            >
              <span class="mono">
                {item.text}
                {item.isRequired && <b title="required"> *</b>}
              </span>
              <span class="detail">{item.detail}</span>
            </li>
          ))}
        </ul>
      )}
      {schema && (
        <p class="editor-help" id={ids.help}>
          {about || 'Ctrl+Space shows what may stand at the cursor. Enter or Tab takes it, Escape closes the list.'}
        </p>
      )}
    </div>
  )
}

/** The indent of the line, and two more below a key that opens a mapping. */
function indentAfter({ value, selectionStart }: HTMLTextAreaElement): string {
  const line = value.slice(value.lastIndexOf('\n', selectionStart - 1) + 1, selectionStart)
  const indent = /^\s*/.exec(line)![0]
  return /:\s*$/.test(line) ? `${indent}  ` : /^\s*- \S/.test(line) ? `${indent}  ` : indent
}

function placeOf(area: HTMLTextAreaElement): { readonly left: string; readonly top: string } {
  const before = area.value.slice(0, area.selectionStart)
  const row = before.split('\n').length
  const column = before.length - before.lastIndexOf('\n') - 1
  const style = getComputedStyle(area)
  const left = Number.parseFloat(style.paddingLeft) + column * characterWidth(style.font) - area.scrollLeft
  const top = Number.parseFloat(style.paddingTop) + row * LINE - area.scrollTop + 4
  return { left: `${Math.max(0, Math.min(left, area.clientWidth - LIST))}px`, top: `${top}px` }
}

function characterWidth(font: string): number {
  const context = document.createElement('canvas').getContext('2d')!
  context.font = font
  return context.measureText('m').width
}
