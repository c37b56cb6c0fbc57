import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'

export interface Column<T> {
  readonly title: string
  readonly cell: (row: T) => ComponentChildren
  /** Numbers stand to the right. */
  readonly isNumber?: boolean
  /** Left out on a phone. */
  readonly isWide?: boolean
  /** Names the row for screen readers. */
  readonly isHead?: boolean
  /** The title only names the column for screen readers. */
  readonly isUntitled?: boolean
}

interface Props<T> {
  readonly caption: string
  readonly columns: readonly Column<T>[]
  readonly rows: readonly T[]
  readonly keyOf: (row: T) => string
}

/** A table that scrolls sideways where it does not fit. */
export function Table<T>({ caption, columns, rows, keyOf }: Props<T>) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={caption}>
      <table>
        <caption class="hidden">{caption}</caption>
        <Head columns={columns} />
        <tbody>
          {rows.map((row) => (
            <Row key={keyOf(row)} columns={columns} row={row} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

/** px. The rows of a long table are equally high. */
const ROW = 36
const BEYOND = 10

/** A table that draws only the rows in view, so that 10,000 of them cost as much as 30. */
export function LongTable<T>({ caption, columns, rows, keyOf }: Props<T>) {
  const box = useRef<HTMLDivElement>(null)
  const [view, setView] = useState({ top: 0, height: 600 })
  useLayoutEffect(() => {
    const element = box.current!
    const measure = () => setView({ top: element.scrollTop, height: element.clientHeight })
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    element.addEventListener('scroll', measure, { passive: true })
    return () => (observer.disconnect(), element.removeEventListener('scroll', measure))
  }, [])
  const first = Math.max(0, Math.floor(Math.min(view.top, rows.length * ROW - view.height) / ROW) - BEYOND)
  const shown = rows.slice(first, first + Math.ceil(view.height / ROW) + 2 * BEYOND)
  const below = rows.length - first - shown.length
  return (
    <div class="scroll long" tabIndex={0} role="region" aria-label={caption} ref={box}>
      <table aria-rowcount={rows.length + 1}>
        <caption class="hidden">{caption}</caption>
        <Head columns={columns} />
        <tbody>
          {first > 0 && <tr class="spacer" style={{ height: `${first * ROW}px` }} aria-hidden="true" />}
          {shown.map((row, i) => (
            <Row key={keyOf(row)} columns={columns} row={row} index={first + i + 2} />
          ))}
          {below > 0 && <tr class="spacer" style={{ height: `${below * ROW}px` }} aria-hidden="true" />}
        </tbody>
      </table>
    </div>
  )
}

function Head<T>({ columns }: { readonly columns: readonly Column<T>[] }) {
  return (
    <thead>
      <tr>
        {columns.map((column) => (
          <th key={column.title} scope="col" class={classOf(column)}>
            {column.isUntitled ? <span class="hidden">{column.title}</span> : column.title}
          </th>
        ))}
      </tr>
    </thead>
  )
}

function Row<T>({ columns, row, index }: { readonly columns: readonly Column<T>[]; readonly row: T; readonly index?: number }) {
  return (
    <tr aria-rowindex={index}>
      {columns.map((column) =>
        column.isHead ? (
          <th key={column.title} scope="row" class={classOf(column)}>
            {column.cell(row)}
          </th>
        ) : (
          <td key={column.title} class={classOf(column)}>
            {column.cell(row)}
          </td>
        ),
      )}
    </tr>
  )
}

function classOf<T>({ isNumber, isWide }: Column<T>): string {
  return `${isNumber ? 'number ' : ''}${isWide ? 'wide' : ''}`
}
