import * as v from 'valibot'
import type { AnchorSpec, CostSpec, DelaySpec, LimitSpec, SettleSpec, StatusSpec } from './document.ts'
import {
  day,
  described,
  duration,
  field,
  LABEL,
  like,
  LIMIT_NAME,
  listOf,
  MAX,
  object,
  opt,
  text,
  titled,
  TOKEN,
  units,
  whole,
  type Schema,
} from './schema-parts.ts'

// The limits of a rule, in the definition of the format.

const status: Schema<StatusSpec> = v.union([whole(100, 599), v.picklist(['1xx', '2xx', '3xx', '4xx', '5xx'])])

const bounds = {
  default: described(units, 'The units of a request without a whole number there.'),
  max: described(units, 'The most units, whatever the request says.'),
}
const cost: Schema<CostSpec> = titled(
  'Cost',
  v.union([
    units,
    object({ attribute: described(field, 'The attribute with the units, by its path.'), ...bounds }),
    object({ body: described(field, 'The field of the parsed body, by its path. A client can send any value.'), ...bounds }),
    object({ header: described(like(TOKEN), 'The header. A client can send any value.'), ...bounds }),
  ]),
)

const most = described(units, 'The most units, whatever the response says.')
const settle: Schema<SettleSpec> = titled(
  'Settle',
  v.union([
    object({ attribute: described(field, 'The attribute with the units, read again after the response.'), max: most }),
    object({ responseHeader: described(like(TOKEN), 'The header of the response.'), max: most }),
  ]),
)

const base = {
  name: described(like(LIMIT_NAME), 'Names the counter. In headers and events the limit is <policy>.<name>.'),
  limit: described(units, 'Units per window, or requests at once. 0 refuses every request.'),
  subject: described(text(64), 'Who is limited: a name in subjects.'),
  label: opt(
    described(like(LABEL), 'The text that clients see in headers and bodies in place of the name. No other limit of a request shows it.'),
  ),
  visible: opt(described(v.boolean(), 'False: no header of a response shows this limit. Default: true.')),
  shared: opt(described(v.boolean(), 'True: the rules of this policy that have a limit of this name count together. Default: false.')),
}

const counted = {
  ...base,
  cost: opt(described(cost, 'Units that a request takes: a number, or where it is read from, with a default and a maximum. Default: 1.')),
  settle: opt(
    described(settle, 'Where the units are read from that the request really took, after its response. The charge is corrected.'),
  ),
  refundOn: opt(described(listOf(status), 'The charge is given back after a response with one of these statuses.')),
}

const window = described(duration, 'The length of the window, from 1ms to 366d, such as 30s, 15m, 1h or 1d.')
const burst = opt(described(whole(1), 'The most units at once. Default: limit.'))

const delaySpec: Schema<DelaySpec> = titled(
  'Delay',
  object({
    after: described(units, 'Units that are not delayed. The first unit above it waits one step, the next one two.'),
    step: described(duration, 'How much longer each further unit waits.'),
    max: opt(described(duration, 'The longest delay. Default: 20s.')),
  }),
)
const delay = opt(
  described(delaySpec, 'Requests above a number of units wait, each one longer than the one before. Above limit they are refused.'),
)

const anchorSpec: Schema<AnchorSpec> = titled(
  'Anchor',
  object({
    month: opt(
      described(whole(1, 12), 'For year: the month in which it begins. For quarter: a month in which one begins. Default: 1, January.'),
    ),
    day: opt(described(whole(1, 31), 'For month, quarter and year: the day of the month, or the last one of a shorter month. Default: 1.')),
    weekday: opt(described(day, 'For week: the day on which it begins. Default: mon.')),
    hour: opt(described(whole(0, 23), 'The hour of the day. Default: 0.')),
    minute: opt(described(whole(0, 59), 'The minute of the hour. Default: 0.')),
  }),
)

const limit: Schema<LimitSpec> = titled(
  'Limit',
  v.variant('algorithm', [
    object({ ...counted, algorithm: v.literal('slidingWindow'), window, delay }),
    object({
      ...counted,
      algorithm: v.literal('slidingLog'),
      window,
      maxLog: opt(
        described(whole(1, 2_000), 'The largest limit that is accepted. It raises the memory that one subject may take. Default: 1000.'),
      ),
      delay,
    }),
    object({
      ...counted,
      algorithm: v.literal('fixedWindow'),
      window: described(
        v.union([duration, v.picklist(['day', 'week', 'month', 'quarter', 'year'])]),
        'A length from 1ms to 366d, or a window of the calendar.',
      ),
      timeZone: opt(described(text(64), 'The IANA time zone of a window of the calendar. Default: UTC.')),
      anchor: opt(
        described(
          v.union([v.picklist(['epoch', 'first']), anchorSpec]),
          'Where windows begin. first: with the first request of a subject. A date and a time: for a window of the calendar. Default: epoch.',
        ),
      ),
      delay,
    }),
    object({
      ...counted,
      algorithm: v.literal('tokenBucket'),
      window,
      burst,
      debt: opt(described(units, 'The largest debt that a settlement may leave. Default: the burst.')),
    }),
    object({
      ...counted,
      algorithm: v.literal('leakyBucket'),
      window,
      burst,
      queue: opt(described(v.boolean(), 'True: requests are delayed so that they go on at the rate of the limit. Default: false.')),
      maxDelay: opt(described(duration, 'The longest delay. Default: 1s, or none if burst is given.')),
    }),
    object({
      ...base,
      algorithm: v.literal('concurrency'),
      ttl: described(duration, 'How long a request counts if its end is not seen.'),
      retryHint: opt(described(duration, 'The longest Retry-After of a refusal. Default: 1s.')),
    }),
  ]),
)

export const limits: Schema<LimitSpec[]> = listOf(limit, 0, MAX.limitsOfRule)
