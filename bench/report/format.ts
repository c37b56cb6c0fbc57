// Numbers as text, for tables and charts.

/** With about three significant digits; `–` where there is no number. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return '–'
  const size = Math.abs(value)
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 || size === 0 ? 2 : 4
  return value.toLocaleString('en', { maximumFractionDigits: digits, minimumFractionDigits: size >= 100 || size === 0 ? 0 : digits })
}

/** A part of 1 as a percentage; two decimals close to 0 and to 1. */
export function formatPercent(part: number): string {
  return `${(part * 100).toFixed(part > 0.999 || part < 0.01 ? 2 : 1)} %`
}
