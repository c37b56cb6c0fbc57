// SVG charts without a library: horizontal bars, or lines over a logarithmic axis. Legible on a light page and on a dark one.
import { formatNumber } from './format.ts'

export interface Chart {
  readonly file: string
  readonly title: string
  readonly unit: string
  /** For bars, one value in each series. For lines, one value for each position of `over`. */
  readonly series: readonly { readonly name: string; readonly values: readonly number[] }[]
  /** The horizontal axis of lines. Without it, the chart has bars. */
  readonly over?: { readonly label: string; readonly positions: readonly number[] }
}

const WIDTH = 760
const LEFT = 250
const RIGHT = 110
const TOP = 46
const STEP = 26
const COLORS = ['#2f81f7', '#8b949e', '#d29922', '#a371f7', '#3fb950', '#f85149']
const STYLE =
  'text{font:13px system-ui,sans-serif;fill:#57606a}.title{font-weight:600}@media(prefers-color-scheme:dark){text{fill:#adbac7}}'

export function draw(chart: Chart): string {
  return chart.over === undefined ? bars(chart) : lines(chart, chart.over)
}

function bars({ title, unit, series }: Chart): string {
  const most = Math.max(...series.map(({ values }) => values[0] ?? 0))
  const body = series.map(({ name, values: [value = 0] }, i) => {
    const y = TOP + i * STEP
    const width = Math.max(1, ((WIDTH - LEFT - RIGHT) * value) / most)
    const color = isOurs(name) ? COLORS[0] : COLORS[1]
    return [
      text(LEFT - 8, y + 14, name, 'end'),
      `<rect x="${LEFT}" y="${y}" width="${width.toFixed(1)}" height="18" rx="2" fill="${color}"/>`,
      text(LEFT + width + 6, y + 14, formatNumber(value)),
    ].join('')
  })
  return svg(TOP + series.length * STEP + 8, `${title}, ${unit}`, body)
}

function lines({ title, unit, series }: Chart, { label, positions }: NonNullable<Chart['over']>): string {
  const height = 300
  const most = Math.max(...series.flatMap(({ values }) => values))
  const [first = 1, last = 10] = [positions[0], positions.at(-1)]
  const x = (value: number) => 70 + ((WIDTH - 260) * Math.log(value / first)) / Math.log(last / first)
  const y = (value: number) => height - 40 - ((height - TOP - 50) * value) / most
  const body = series.map(({ name, values }, i) => {
    const color = COLORS[i % COLORS.length]
    const points = values.map((value, j) => `${x(positions[j]!).toFixed(1)},${y(value).toFixed(1)}`).join(' ')
    return `<polyline points="${points}" fill="none" stroke="${color}" stroke-width="2"/>${text(x(last) + 8, y(values.at(-1) ?? 0) + 4, name)}`
  })
  const ticks = positions.map((value) => text(x(value), height - 20, value.toLocaleString('en'), 'middle'))
  const scale = [0, most / 2, most].map((value) => text(62, y(value) + 4, formatNumber(value), 'end'))
  return svg(height, `${title}, ${unit}`, [...body, ...ticks, ...scale, text((x(first) + x(last)) / 2, height - 4, label, 'middle')])
}

function svg(height: number, title: string, body: readonly string[]): string {
  const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escape(title)}">`
  return [head, `<style>${STYLE}</style>`, `<text class="title" x="8" y="24">${escape(title)}</text>`, ...body, '</svg>', ''].join('\n')
}

function text(x: number, y: number, content: string, anchor = 'start'): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${escape(content)}</text>`
}

function escape(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}

function isOurs(name: string): boolean {
  return name.startsWith('Sluice')
}
