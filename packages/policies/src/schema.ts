import * as v from 'valibot'
import type {
  ActiveSpec,
  AnchorSpec,
  CostSpec,
  Day,
  DelaySpec,
  Expectation,
  LimitSpec,
  Match,
  OverrideSpec,
  PartSpec,
  PolicyDocument,
  PolicySpec,
  RuleSpec,
  SettleSpec,
  StatusSpec,
  SubjectSpec,
  TestSpec,
  Values,
} from './document.ts'
import {
  described,
  DURATION,
  FIELD,
  INSTANT,
  LABEL,
  like,
  LIMIT_NAME,
  MAX,
  listOf,
  METHOD,
  NAME,
  NAMESPACE,
  object,
  opt,
  PATH,
  POLICY_NAME,
  QUALIFIED,
  record,
  type Schema,
  text,
  TIME_OF_DAY,
  TOKEN,
  whole,
} from './schema-parts.ts'

// The one definition of the format. `scripts/policy-schema.ts` writes it as JSON Schema and as the reference in the docs; the descriptions here
// are their text. Rules between fields are in checks.ts: a JSON Schema cannot say them.

const duration = like(DURATION)
const instant = like(INSTANT)
const field = like(FIELD)
const units = whole(0)
const day: Schema<Day> = v.picklist(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'])
const scalar = v.union([v.pipe(v.string(), v.maxLength(1_024)), v.pipe(v.number(), v.finite()), v.boolean()])
const values: Schema<Values> = v.union([scalar, listOf(scalar)])

const part: Schema<PartSpec> = v.union([
  object({ ip: described(v.literal(true), 'The address of the client, after the proxies that are trusted.') }),
  object({ route: described(v.literal(true), 'The method and the pattern of the route. Needs a host that knows the route.') }),
  object({ header: described(like(TOKEN), 'A header of the request. A client can send any value.') }),
  object({ cookie: described(like(TOKEN), 'A cookie of the request. A client can send any value.') }),
  object({ attribute: described(field, 'An attribute that the application gives for the request, by its path.') }),
  object({
    body: described(field, 'A field of the parsed body, by its path. A client can send any value.'),
    normalize: opt(described(v.literal('lower'), 'Spellings of one account are one value: without white space around it, in lower case.')),
  }),
])

const subject: Schema<SubjectSpec> = object({
  parts: described(listOf(part, 1, 8), 'Where the values come from. Several are one subject together.'),
  missing: opt(
    described(
      v.picklist(['address', 'reject', 'skip']),
      'What happens to a request without the subject: address limits it by its address, reject answers it with 401 or 400, skip does not apply the limit. Default: address.',
    ),
  ),
  trusted: opt(
    described(v.boolean(), 'True: a client cannot choose these values, as where a gateway overwrites the header. Default: false.'),
  ),
})

const match: Schema<Match> = object({
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
})

const status: Schema<StatusSpec> = v.union([whole(100, 599), v.picklist(['1xx', '2xx', '3xx', '4xx', '5xx'])])

const cost: Schema<CostSpec> = v.union([
  units,
  ...(['attribute', 'body'] as const).map((source) => object({ [source]: field, default: units, max: units })),
  object({ header: like(TOKEN), default: units, max: units }),
]) as unknown as Schema<CostSpec>

const settle: Schema<SettleSpec> = v.union([object({ attribute: field, max: units }), object({ responseHeader: like(TOKEN), max: units })])

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

const delaySpec: Schema<DelaySpec> = object({
  after: described(units, 'Units that are not delayed. The first unit above it waits one step, the next one two.'),
  step: described(duration, 'How much longer each further unit waits.'),
  max: opt(described(duration, 'The longest delay. Default: 20s.')),
})
const delay = opt(
  described(delaySpec, 'Requests above a number of units wait, each one longer than the one before. Above limit they are refused.'),
)

const anchorSpec: Schema<AnchorSpec> = object({
  month: opt(
    described(whole(1, 12), 'For year: the month in which it begins. For quarter: a month in which one begins. Default: 1, January.'),
  ),
  day: opt(described(whole(1, 31), 'For month, quarter and year: the day of the month, or the last one of a shorter month. Default: 1.')),
  weekday: opt(described(day, 'For week: the day on which it begins. Default: mon.')),
  hour: opt(described(whole(0, 23), 'The hour of the day. Default: 0.')),
  minute: opt(described(whole(0, 59), 'The minute of the hour. Default: 0.')),
})

const limit: Schema<LimitSpec> = v.variant('algorithm', [
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
])

const limits = listOf(limit, 0, MAX.limitsOfRule)

const active: Schema<ActiveSpec> = object({
  from: opt(described(instant, 'The first instant: 2027-01-01T00:00:00Z, or with an offset.')),
  until: opt(described(instant, 'The instant at which it ends.')),
  weekly: opt(
    described(
      listOf(
        object({
          days: described(listOf(day, 1, 7), 'Days on which the range begins. One over midnight belongs to the day on which it began.'),
          from: described(like(TIME_OF_DAY), 'Local time: 22:00.'),
          to: described(like(TIME_OF_DAY), 'Local time: 06:00, or 24:00.'),
          timeZone: opt(described(text(64), 'An IANA time zone. Default: UTC.')),
        }),
        1,
        50,
      ),
      'Ranges of the week.',
    ),
  ),
})

const rule: Schema<RuleSpec> = object({
  name: described(like(NAME), 'Names the rule in events and messages.'),
  match: opt(described(match, 'Which requests it is for. Default: all.')),
  active: opt(described(active, 'When it holds. Default: always.')),
  limits: opt(described(limits, 'The limits of a request. Excludes tiers.')),
  tiers: opt(described(record(text(64), limits), 'The limits of each tier; an empty list is unlimited. Excludes limits.')),
})

const override: Schema<OverrideSpec> = object({
  subject: described(text(64), 'A name in subjects.'),
  is: opt(described(text(1_024), 'The subject with this value, or with the value whose SHA-256 is given as sha256:<hex>.')),
  startsWith: opt(described(text(1_024), 'The subjects whose value starts so.')),
  percent: opt(described(v.pipe(v.number(), v.minValue(0), v.maxValue(100)), 'A share of the subjects, always the same ones.')),
  limits: opt(
    described(record(like(LIMIT_NAME), object({ limit: opt(units), burst })), 'Other numbers of limits. The counters stay the same.'),
  ),
  tier: opt(described(text(64), 'Another tier.')),
  exempt: opt(described(v.literal(true), 'No limit of this policy.')),
  until: opt(described(instant, 'The instant at which the override ends. Default: never.')),
})

const policy: Schema<PolicySpec> = object({
  name: described(like(POLICY_NAME), 'Names the policy. Unique in the document.'),
  description: opt(text(4_096)),
  mode: opt(described(v.picklist(['enforce', 'shadow', 'off']), 'shadow decides and reports, and refuses nothing. Default: enforce.')),
  failMode: opt(described(v.picklist(['local', 'open', 'closed']), 'What happens while the store is away. Default: local.')),
  status: opt(described(whole(400, 599), 'The status of a refusal. Default: 429.')),
  active: opt(described(active, 'When the policy holds. Default: always.')),
  rollout: opt(
    described(
      object({ percent: v.pipe(v.number(), v.minValue(0), v.maxValue(100)), by: text(64) }),
      'Enforces for this share of the subjects, always the same ones, and decides in shadow for the others.',
    ),
  ),
  rules: described(listOf(rule, 1, MAX.rules), 'The first rule that matches a request holds.'),
  overrides: opt(described(listOf(override, 0, MAX.overrides), 'Other numbers, another tier or no limit for some subjects.')),
})

const expectation: Schema<Expectation> = object({
  limited: opt(described(v.boolean(), 'Whether any limit applies.')),
  refusedBy: opt(described(text(64), 'The limit that refuses, as <policy>.<limit>.')),
  at: opt(described(whole(1), 'Which of the requests is the first that is refused. Default: the last.')),
  status: opt(described(whole(400, 599), 'The status of the refusal.')),
  retryAfter: opt(described(whole(0), 'Seconds of Retry-After.')),
})

const test: Schema<TestSpec> = object({
  name: opt(text()),
  at: opt(described(instant, 'When the requests arrive. Default: now.')),
  request: object({
    method: opt(like(METHOD)),
    path: like([/^\//, "a path that begins with '/'"]),
    host: opt(text(253)),
    ip: opt(text(64)),
    route: opt(text(512)),
    headers: opt(record(like(TOKEN), v.string())),
    body: opt(v.unknown()),
    attributes: opt(record(v.string(), v.unknown())),
  }),
  times: opt(described(whole(1, 100_000), 'How often the request is sent. Default: 1.')),
  expect: expectation,
})

/** A document of one namespace. */
export const documentSchema: Schema<PolicyDocument> = object({
  apiVersion: described(v.literal('sluice/v1'), 'The version of the format.'),
  namespace: described(like(NAMESPACE), 'The unit of authority and version. Its counters are apart from those of every other namespace.'),
  revision: described(whole(1), 'Rises with each change. A document with a lower one is ignored.'),
  rollbackOf: opt(described(whole(1), 'The revision whose content this one repeats.')),
  deleted: opt(described(v.literal(true), 'Removes all limits of the namespace. Excludes every other field but namespace and revision.')),
  description: opt(text(4_096)),
  subjects: opt(described(record(like(NAME), subject), 'Who can be limited, by name.')),
  tier: opt(
    described(
      object({
        attribute: described(field, 'The attribute with the tier of the request.'),
        table: opt(described(text(64), 'The table of clients, which knows the tier of a client.')),
        by: opt(described(field, 'The attribute with the id of the client in the table. Default: client.')),
        default: described(text(64), 'The tier of a request without a known one.'),
      }),
      'How the tier of a request is found.',
    ),
  ),
  columns: opt(described(record(text(64), like(QUALIFIED)), 'Which limit a column of the table of clients sets: <policy>.<limit>.')),
  exempt: opt(described(listOf(match, 0), 'Requests without any limit.')),
  policies: opt(described(listOf(policy, 0, MAX.policies), 'All policies that match a request make one decision.')),
  tests: opt(described(listOf(test, 0, 10_000), 'Requests, and what the document must answer to them.')),
})
