import { type Decision, fixedWindow, header } from '@sluice/core'
import type { CaseClient, HttpCase } from '../case.ts'

/** M4, M5: calendar windows that depend on the request. */
export const calendarCases: readonly HttpCase[] = [
  {
    name: 'M4, M5: anchor and timeZone: functions; another calendar has the same quota, and an invalid one is the default',
    app: (fixture) => ({
      use: [
        fixture.limits({
          key: header('x-user'),
          limits: [
            fixedWindow({
              name: 'year',
              limit: 9,
              window: 'year',
              timeZone: (c) => fixture.read.header(c, 'x-zone'),
              anchor: async (c) => ({ month: Number(fixture.read.header(c, 'x-month')) }),
              defaults: { timeZone: 'Europe/Berlin', anchor: { month: 7 } },
            }),
          ],
        }),
      ],
      routes: [{ path: '/calendar', answer: ({ decision }) => ({ json: calendarIn(decision) }) }],
    }),
    async run(t) {
      t.is(await calendarOf(t, 'Asia/Tokyo', '4'), { timeZone: 'Asia/Tokyo', anchor: { month: 4 }, remaining: 8 })
      t.is(await calendarOf(t, 'America/Lima', '4'), { timeZone: 'America/Lima', anchor: { month: 4 }, remaining: 7 })
      t.is(await calendarOf(t, 'Mars/Olympus', '4'), { timeZone: 'Europe/Berlin', anchor: { month: 7 }, remaining: 6 })
      t.is(await calendarOf(t, 'Asia/Tokyo', '13'), { timeZone: 'Europe/Berlin', anchor: { month: 7 }, remaining: 5 })
      t.warnings('WARN_VALUE_IGNORED')
    },
  },
]

function calendarIn(decision: Decision | undefined): object {
  const { timeZone, anchor } = decision?.charges[0]?.limit ?? {}
  return { timeZone, anchor, remaining: decision?.remaining }
}

async function calendarOf(t: CaseClient, zone: string, month: string): Promise<unknown> {
  const headers = [
    ['X-User', 'ann'],
    ['X-Zone', zone],
    ['X-Month', month],
  ] as const
  return JSON.parse((await t.send({ path: '/calendar', headers })).body)
}
