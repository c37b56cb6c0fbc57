import { count } from '../lib/format.ts'

/** How much of a limit is used. The numbers stand beside the bar, so it is only seen. */
export function UsedBar({ used, max }: { readonly used: number; readonly max: number }) {
  const share = max > 0 ? used / max : 1
  const tone = share >= 1 ? 'full' : share >= 0.8 ? 'near' : ''
  return (
    <div class="used">
      <div class={`bar ${tone}`} aria-hidden="true">
        <div style={{ width: `${Math.min(100, share * 100)}%` }} />
      </div>
      <span class="figures">
        {count(used)} <span class="muted">of {count(max)}</span>
      </span>
    </div>
  )
}

/** The shape of the last values of a row. */
export function Sparkline({ values }: { readonly values: readonly number[] }) {
  const top = Math.max(...values, 1e-9)
  const width = 96
  const step = width / Math.max(1, values.length - 1)
  const points = values.map((value, i) => `${(i * step).toFixed(1)},${(19 - (value / top) * 18).toFixed(1)}`).join(' ')
  return (
    <svg class="spark" viewBox={`0 0 ${width} 20`} aria-hidden="true" focusable="false">
      {values.length > 1 && <polyline points={points} />}
    </svg>
  )
}
