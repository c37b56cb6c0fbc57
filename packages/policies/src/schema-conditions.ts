import * as v from 'valibot'
import type { ActiveSpec, Match, Values } from './document.ts'
import {
  day,
  described,
  field,
  instant,
  like,
  listOf,
  METHOD,
  object,
  opt,
  PATH,
  record,
  text,
  TIME_OF_DAY,
  titled,
  TOKEN,
  type Schema,
} from './schema-parts.ts'

// Which requests a rule is for, and when it holds, in the definition of the format.

const scalar = v.union([v.pipe(v.string(), v.maxLength(1_024)), v.pipe(v.number(), v.finite()), v.boolean()])
const values: Schema<Values> = v.union([scalar, listOf(scalar)])

export const match: Schema<Match> = titled(
  'Match',
  object({
    hosts: opt(described(listOf(text(253)), 'Host names without port, or *.example.org for the names below it.')),
    methods: opt(described(listOf(like(METHOD)), 'Methods in capitals. GET includes HEAD.')),
    paths: opt(
      described(
        listOf(like(PATH)),
        'Paths: exact, with one segment as :name or *, or with /* at the end for all below. Compared without case and trailing slash.',
      ),
    ),
    caseSensitive: opt(described(v.boolean(), 'True: paths differ by case. Default: false.')),
    routes: opt(described(listOf(text(512)), 'Patterns of routes, as the framework names them: GET /users/:id.')),
    tiers: opt(described(listOf(text(64)), 'Tiers of the request.')),
    headers: opt(described(record(like(TOKEN), values), 'Headers and the values that they may have. A client can send any header.')),
    attributes: opt(described(record(field, values), 'Attributes and the values that they may have.')),
    addresses: opt(described(listOf(text(64)), 'Addresses and CIDRs of the client.')),
  }),
)

export const active: Schema<ActiveSpec> = titled(
  'Active',
  object({
    from: opt(described(instant, 'The first instant: 2027-01-01T00:00:00Z, or with an offset.')),
    until: opt(described(instant, 'The instant at which it ends.')),
    weekly: opt(
      described(
        listOf(
          titled(
            'Weekly range',
            object({
              days: described(listOf(day, 1, 7), 'Days on which the range begins. One over midnight belongs to the day on which it began.'),
              from: described(like(TIME_OF_DAY), 'Local time: 22:00.'),
              to: described(like(TIME_OF_DAY), 'Local time: 06:00, or 24:00.'),
              timeZone: opt(described(text(64), 'An IANA time zone. Default: UTC.')),
            }),
          ),
          1,
          50,
        ),
        'Ranges of the week.',
      ),
    ),
  }),
)
