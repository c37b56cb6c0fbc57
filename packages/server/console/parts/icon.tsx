// Drawn with strokes of the text colour on a grid of 16.
const PATHS = {
  overview: 'M2 13h12M4 11V7m4 4V3m4 8V9',
  subjects: 'M8 8a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5Zm-5 5.5c.4-2.6 2.4-4 5-4s4.6 1.4 5 4',
  policies: 'M4 2h6l3 3v9H4zM6.5 7h4m-4 3h4',
  blocks: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM3.8 3.8l8.4 8.4',
  regions: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM2 8h12M8 2c2 1.7 3 3.7 3 6s-1 4.3-3 6c-2-1.7-3-3.7-3-6s1-4.3 3-6Z',
  audit: 'M8 4.5V8l2.5 1.5M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12Z',
  kill: 'M8 2v6m3.5-4.3a5.5 5.5 0 1 1-7 0',
  info: 'M8 7.5v4M8 5v.1M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12Z',
  warn: 'M8 6v3.5M8 11.5v.1M8 2 1.7 13.5h12.6z',
  check: 'M3 8.5l3.2 3.2L13 5',
  close: 'M4 4l8 8m0-8-8 8',
  search: 'M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10Zm3.7-1.3L14 14',
  pause: 'M5.5 3v10m5-10v10',
  play: 'M5 3v10l8-5z',
  theme: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM8 2v12',
  out: 'M6.5 2.5h-4v11h4M6 8h8m-3-3 3 3-3 3',
  up: 'M8 13V3M4 7l4-4 4 4',
  down: 'M8 3v10m4-4-4 4-4-4',
  right: 'M6 3l5 5-5 5',
} as const

export type IconName = keyof typeof PATHS

/** An icon beside a text that says the same, so it is hidden from screen readers. */
export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  )
}
