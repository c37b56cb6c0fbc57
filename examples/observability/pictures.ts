// Draws panels of the dashboards in deploy/grafana as SVG, from what Prometheus has: `main.ts --pictures=FOLDER`.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** The file of each picture, its dashboard and its panel. */
const PICTURES = [
  ['observability-verdicts', 'fleet', 'Decisions by verdict'],
  ['observability-limits', 'policy', 'Refused by limit'],
  ['observability-shadow', 'policy', 'What shadow policies would refuse'],
  ['observability-blocks', 'abuse', 'Entries of the block list'],
] as const
const COLOURS = ['#3b7dd8', '#d8613b', '#2e9e6b', '#a05cc8', '#b8901f', '#5f6b7a']
const [WIDTH, HEIGHT] = [720, 240]
const PLOT = { left: 52, right: 16, top: 34, bottom: 48 } as const

interface Panel {
  readonly title: string
  readonly targets: readonly { readonly expr: string; readonly legendFormat?: string }[]
  readonly fieldConfig: { readonly defaults: { readonly unit?: string } }
}

interface Series {
  readonly name: string
  readonly points: readonly (readonly [seconds: number, value: number])[]
}

/** @param from ms since the epoch */
export async function draw(prometheus: string, folder: string, from: number, to: number): Promise<readonly string[]> {
  const files = PICTURES.map(([name]) => join(folder, `${name}.svg`))
  for (const [i, [, dashboard, title]] of PICTURES.entries()) {
    const panel = await panelOf(dashboard, title)
    const series = await Promise.all(panel.targets.map((target) => seriesOf(prometheus, target, from, to)))
    await writeFile(files[i] ?? '', svgOf(panel, series.flat(), from / 1000, to / 1000))
  }
  return files
}

async function panelOf(dashboard: string, title: string): Promise<Panel> {
  const text = await readFile(join(import.meta.dirname, `../../deploy/grafana/${dashboard}.json`), 'utf8')
  const panel = (JSON.parse(text) as { readonly panels: readonly Panel[] }).panels.find((each) => each.title === title)
  if (panel === undefined) throw new Error(`deploy/grafana/${dashboard}.json has no panel "${title}"`)
  return panel
}

async function seriesOf(
  prometheus: string,
  { expr, legendFormat = '' }: Panel['targets'][number],
  from: number,
  to: number,
): Promise<readonly Series[]> {
  // As Grafana does, with a step of a second.
  const query = expr.replaceAll('$__rate_interval', '4s').replaceAll('$namespace', '.+')
  const range = new URLSearchParams({ query, start: String(from / 1000), end: String(to / 1000), step: '1' })
  const answer = (await (await fetch(`${prometheus}/api/v1/query_range?${range.toString()}`)).json()) as Answer
  return answer.data.result.map(({ metric, values }) => ({
    name:
      legendFormat === ''
        ? Object.values(metric).join(' ')
        : legendFormat.replaceAll(/\{\{\s*(\w+)\s*\}\}/g, (_, label: string) => metric[label] ?? ''),
    points: values.map(([seconds, value]) => [seconds, Number(value)] as const),
  }))
}

interface Answer {
  readonly data: {
    readonly result: readonly {
      readonly metric: Readonly<Record<string, string>>
      readonly values: readonly (readonly [number, string])[]
    }[]
  }
}

function svgOf({ title, fieldConfig }: Panel, series: readonly Series[], from: number, to: number): string {
  const unit = { reqps: 'requests a second', short: '' }[fieldConfig.defaults.unit ?? ''] ?? ''
  const most = roundedUp(Math.max(1, ...series.flatMap(({ points }) => points.map(([, value]) => value))))
  const x = (seconds: number): number => PLOT.left + ((seconds - from) / (to - from)) * (WIDTH - PLOT.left - PLOT.right)
  const y = (value: number): number => HEIGHT - PLOT.bottom - (value / most) * (HEIGHT - PLOT.top - PLOT.bottom)
  const lines = [0, 0.5, 1].map((part) => {
    const at = y(part * most).toFixed(1)
    return `<path d="M${PLOT.left} ${at}H${WIDTH - PLOT.right}" stroke="#8884" fill="none"/><text x="${PLOT.left - 8}" y="${at}" dy="4" text-anchor="end">${part * most}</text>`
  })
  const ticks = Array.from({ length: Math.floor((to - from) / 10) + 1 }, (_, i) => 10 * i).map(
    (seconds) => `<text x="${x(from + seconds).toFixed(1)}" y="${HEIGHT - PLOT.bottom + 18}" text-anchor="middle">${seconds} s</text>`,
  )
  const paths = series.map(({ points }, i) => {
    const d = points.map(([seconds, value], n) => `${n === 0 ? 'M' : 'L'}${x(seconds).toFixed(1)} ${y(value).toFixed(1)}`).join('')
    return `<path d="${d}" stroke="${COLOURS[i % COLOURS.length]}" stroke-width="2" fill="none" stroke-linejoin="round"/>`
  })
  let at: number = PLOT.left
  const legend = series.map(({ name }, i) => {
    const text = `<rect x="${at.toFixed(0)}" y="${HEIGHT - 16}" width="10" height="10" rx="2" fill="${COLOURS[i % COLOURS.length]}"/><text x="${(at + 15).toFixed(0)}" y="${HEIGHT - 7}">${escaped(name)}</text>`
    at += 28 + 6.2 * name.length
    return text
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(title)}" font-family="system-ui, sans-serif" font-size="12" fill="#777">`,
    `<text x="${PLOT.left}" y="18" font-size="14" font-weight="600">${escaped(title)}${unit === '' ? '' : `, ${unit}`}</text>`,
    ...lines,
    ...ticks,
    ...paths,
    ...legend,
    '</svg>\n',
  ].join('\n')
}

/** 1, 2 or 5 times a power of ten. */
function roundedUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value))
  return ([1, 2, 5, 10].find((each) => each * power >= value) ?? 10) * power
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
