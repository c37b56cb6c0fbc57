// The limiter of the app, by itself, so that state.ts reads what app.ts writes.
import { type Duration, fixedWindow } from '@sluice/express'

export const limit = Number(process.env['LIMIT'] ?? 6)
const window = (process.env['WINDOW'] ?? '20s') as Duration

// Processes share a count when their limits have the same name, algorithm and window.
export const policy = { name: 'default', limits: [fixedWindow({ name: 'requests', limit, window, anchor: 'first' })] }
