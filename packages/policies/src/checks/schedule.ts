import { isTimeZone } from '@sluice/core/adapter-kit'
import type { ActiveSpec } from '../document.ts'
import type { Path } from '../problems.ts'
import type { Report } from './common.ts'

export function checkActive({ from, until, weekly }: ActiveSpec, path: Path, report: Report): void {
  if (from === undefined && until === undefined && weekly === undefined) report(path, 'expected from, until or weekly')
  checkInstant(from, [...path, 'from'], report)
  checkInstant(until, [...path, 'until'], report)
  if (from !== undefined && until !== undefined && Date.parse(from) >= Date.parse(until))
    report([...path, 'until'], `expected an instant after from (${from}), got ${until}`)
  for (const [i, { days, from: start, to, timeZone }] of (weekly ?? []).entries()) {
    const at = [...path, 'weekly', i]
    if (new Set(days).size < days.length) report([...at, 'days'], 'expected each day once')
    if (start === to) report([...at, 'to'], 'expected another time than from; write 24:00 for the end of the day')
    if (start === '24:00') report([...at, 'from'], 'expected a time from 00:00 to 23:59')
    checkTimeZone(timeZone, [...at, 'timeZone'], report)
  }
}

/** The pattern of the schema accepts the 31st of February, and hour 25. */
export function checkInstant(instant: string | undefined, path: Path, report: Report): void {
  if (instant === undefined) return
  const date = new Date(instant)
  const dayOfMonth = new Date(`${instant.slice(0, 10)}T00:00:00Z`).toJSON()?.slice(0, 10)
  if (Number.isNaN(date.getTime()) || dayOfMonth !== instant.slice(0, 10)) report(path, `expected an instant that exists, got "${instant}"`)
}

/** @returns whether it is one, or none is given */
export function checkTimeZone(timeZone: string | undefined, path: Path, report: Report): boolean {
  if (timeZone === undefined || isTimeZone(timeZone)) return true
  report(path, `expected an IANA time zone such as Europe/Berlin, got "${timeZone}"`)
  return false
}
