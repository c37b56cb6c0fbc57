import { quoted } from '@sluice/core/adapter-kit'
import { AdminError } from './admin-error.ts'

/** A text of the body. @throws AdminError (422) if it is missing, empty or too long */
export function textOf(body: Readonly<Record<string, unknown>>, name: string, most: number): string {
  const value = body[name]
  if (typeof value === 'string' && value !== '' && value.length <= most) return value
  throw wrong(name, `a text of 1 to ${most} characters`, value)
}

/** A text of the body, or `undefined` without one. @throws AdminError (422) */
export function optionalText(body: Readonly<Record<string, unknown>>, name: string, most: number): string | undefined {
  return body[name] === undefined || body[name] === null ? undefined : textOf(body, name, most)
}

/** A whole number of the body. @throws AdminError (422) */
export function wholeOf(body: Readonly<Record<string, unknown>>, name: string, least: number): number {
  const value = body[name]
  if (Number.isSafeInteger(value) && (value as number) >= least) return value as number
  throw wrong(name, `a whole number, at least ${least}`, value)
}

/** A whole number of the query. @throws AdminError (422) */
export function numberIn(query: URLSearchParams, name: string, least: number, most: number, byDefault: number): number {
  const text = query.get(name)
  if (text === null) return byDefault
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  throw wrong(name, `a whole number from ${least} to ${most}`, text)
}

/** An instant of the body, in ms since the epoch. @throws AdminError (422) if it is no instant of the future */
export function futureOf(body: Readonly<Record<string, unknown>>, name: string, now: number): number | undefined {
  const text = optionalText(body, name, 64)
  if (text === undefined) return undefined
  const at = /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : Number.NaN
  if (at > now) return at
  throw wrong(name, "an instant of the future, such as '2027-01-01T00:00:00Z'", text)
}

/** A field that has another value than it may. */
export function wrong(name: string, expected: string, got: unknown): AdminError {
  const shown = got === undefined ? 'nothing' : quoted(typeof got === 'string' ? got : (JSON.stringify(got) ?? ''))
  return new AdminError(422, 'ERR_ADMIN_REQUEST', `${name}: expected ${expected}, got ${shown}`)
}
