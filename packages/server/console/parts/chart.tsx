import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import uPlot from 'uplot'
import { minute, time } from '../lib/format.ts'
import { useStore } from '../lib/store.ts'
import { themeTurn } from '../lib/theme.ts'

export interface Series {
  readonly name: string
  /** A custom property with the colour, such as `--allowed`. */
  readonly colour: string
  readonly values: readonly (number | null)[]
}

/**
 * Values over time: lines, or areas on top of each other. The legend has the values under the pointer, or else the latest, so nothing is
 * only in the picture.
 */
export function Chart({
  label,
  times,
  series,
  isStacked = false,
  format,
  height = 220,
  span,
}: {
  readonly label: string
  /** ms since the epoch. */
  readonly times: readonly number[]
  /** Stacked ones from the bottom up. */
  readonly series: readonly Series[]
  readonly isStacked?: boolean
  readonly format: (value: number) => string
  readonly height?: number
  /** ms before the last value that are in view, also while there are fewer values. Default: those of the values. */
  readonly span?: number
}) {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(undefined)
  const [at, setAt] = useState<number | undefined>(undefined)
  const turn = useStore(themeTurn)
  const names = series.map(({ name }) => name).join()

  useLayoutEffect(() => {
    const element = box.current!
    const made = new uPlot(
      optionsOf(element, series, { isStacked, format, height, span, onCursor: setAt }),
      dataOf(times, series, isStacked),
      element,
    )
    plot.current = made
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }))
    observer.observe(element)
    return () => (observer.disconnect(), made.destroy())
  }, [names, isStacked, height, turn])
  useEffect(() => plot.current?.setData(dataOf(times, series, isStacked)), [times])

  const shown = at !== undefined && at < times.length ? at : times.length - 1
  // The first one to read is the one on top.
  const legend = isStacked ? series.toReversed() : series
  const summary = legend.map(({ name, values }) => `${name} ${formatted(values[shown], format)}`).join(', ')
  return (
    <figure class="chart">
      <div class="plot" ref={box} role="img" aria-label={times.length === 0 ? `${label}: no values yet` : `${label}: ${summary}`} />
      <figcaption class="legend">
        <span class="muted">{times.length === 0 ? 'No values yet' : time(times[shown])}</span>
        {legend.map(({ name, colour, values }) => (
          <span key={name} class="key">
            <i style={{ background: `var(${colour})` }} />
            {name} <b>{formatted(values[shown], format)}</b>
          </span>
        ))}
      </figcaption>
    </figure>
  )
}

function formatted(value: number | null | undefined, format: (value: number) => string): string {
  return value === null || value === undefined ? '–' : format(value)
}

/** Areas on top of each other are drawn from the largest sum down, each over the one before. */
function dataOf(times: readonly number[], series: readonly Series[], isStacked: boolean): uPlot.AlignedData {
  const xs = times.map((each) => each / 1000)
  if (!isStacked) return [xs, ...series.map(({ values }) => [...values])]
  const sums: number[][] = []
  for (const { values } of series) {
    const below = sums.at(-1)
    sums.push(values.map((value, i) => (value ?? 0) + (below?.[i] ?? 0)))
  }
  return [xs, ...sums.toReversed()]
}

interface Drawn {
  readonly isStacked: boolean
  readonly height: number
  readonly span: number | undefined
  readonly format: (value: number) => string
  readonly onCursor: (index: number | undefined) => void
}

function optionsOf(element: HTMLElement, series: readonly Series[], { isStacked, height, span, format, onCursor }: Drawn): uPlot.Options {
  const colour = (name: string) => colourOf(element, name)
  const [ink, line] = [colour('--muted'), colour('--line')]
  const axis = {
    stroke: ink,
    font: `11px ${getComputedStyle(element).fontFamily}`,
    grid: { stroke: line, width: 1 },
    ticks: { show: false },
  }
  const drawn = isStacked ? series.toReversed() : series
  return {
    width: element.clientWidth,
    height,
    legend: { show: false },
    cursor: { y: false, points: { show: !isStacked }, drag: { x: false, y: false } },
    scales: {
      x: { time: true, range: (_plot, min, max) => [span === undefined ? min : max - span / 1000, max] },
      y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.1 : 1] },
    },
    axes: [
      { ...axis, size: 28, space: 70, values: (_plot, splits) => splits.map((each) => minute(each * 1000)) },
      { ...axis, size: 52, space: 36, values: (_plot, splits) => splits.map(format) },
    ],
    series: [
      {},
      ...drawn.map(({ name, colour: custom }) => ({
        label: name,
        stroke: colour(custom),
        width: isStacked ? 0 : 1.5,
        points: { show: false },
        ...(isStacked ? { fill: colour(custom) } : {}),
      })),
    ],
    hooks: { setCursor: [({ cursor }) => onCursor(cursor.idx ?? undefined)] },
  }
}

/** The colour that a custom property has here: a canvas does not know custom properties. */
function colourOf(element: HTMLElement, name: string): string {
  element.style.color = `var(${name})`
  const { color } = getComputedStyle(element)
  element.style.color = ''
  return color
}
