import * as v from 'valibot'
import type { Expectation, OverrideSpec, PartSpec, PolicyDocument, PolicySpec, RuleSpec, SubjectSpec, TestSpec } from './document.ts'
import { active, match } from './schema-conditions.ts'
import { limits } from './schema-limits.ts'
import {
  described,
  field,
  instant,
  like,
  LIMIT_NAME,
  listOf,
  MAX,
  METHOD,
  NAME,
  NAMESPACE,
  object,
  opt,
  POLICY_NAME,
  QUALIFIED,
  record,
  text,
  titled,
  TOKEN,
  units,
  whole,
  type Schema,
} from './schema-parts.ts'

// The one definition of the format. A test writes it as JSON Schema, and `scripts/policy-reference.ts` as the reference in the docs; the
// descriptions here are their text. Rules between fields are in checks.ts: a JSON Schema cannot say them.

const part: Schema<PartSpec> = titled(
  'Part',
  v.union([
    object({ ip: described(v.literal(true), 'The address of the client, after the proxies that are trusted.') }),
    object({ route: described(v.literal(true), 'The method and the pattern of the route. Needs a host that knows the route.') }),
    object({ header: described(like(TOKEN), 'A header of the request. A client can send any value.') }),
    object({ cookie: described(like(TOKEN), 'A cookie of the request. A client can send any value.') }),
    object({ attribute: described(field, 'An attribute that the application gives for the request, by its path.') }),
    object({
      body: described(field, 'A field of the parsed body, by its path. A client can send any value.'),
      normalize: opt(
        described(v.literal('lower'), 'Spellings of one account are one value: without white space around it, in lower case.'),
      ),
    }),
  ]),
)

const subject: Schema<SubjectSpec> = titled(
  'Subject',
  object({
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
  }),
)

const rule: Schema<RuleSpec> = titled(
  'Rule',
  object({
    name: described(like(NAME), 'Names the rule in events and messages.'),
    match: opt(described(match, 'Which requests it is for. Default: all.')),
    active: opt(described(active, 'When it holds. Default: always.')),
    limits: opt(described(limits, 'The limits of a request. Excludes tiers.')),
    tiers: opt(described(record(text(64), limits), 'The limits of each tier; an empty list is unlimited. Excludes limits.')),
  }),
)

const override: Schema<OverrideSpec> = titled(
  'Override',
  object({
    subject: described(text(64), 'A name in subjects.'),
    is: opt(described(text(1_024), 'The subject with this value, or with the value whose SHA-256 is given as sha256:<hex>.')),
    startsWith: opt(described(text(1_024), 'The subjects whose value starts so.')),
    percent: opt(described(v.pipe(v.number(), v.minValue(0), v.maxValue(100)), 'A share of the subjects, always the same ones.')),
    limits: opt(
      described(
        record(
          like(LIMIT_NAME),
          titled(
            'Numbers',
            object({
              limit: opt(described(units, 'Another limit. Default: that of the rule.')),
              burst: opt(described(whole(1), 'Another burst. Default: that of the rule.')),
            }),
          ),
        ),
        'Other numbers, by the name of the limit. The counters stay the same.',
      ),
    ),
    tier: opt(described(text(64), 'Another tier.')),
    exempt: opt(described(v.literal(true), 'No limit of this policy.')),
    until: opt(described(instant, 'The instant at which the override ends. Default: never.')),
  }),
)

const policy: Schema<PolicySpec> = titled(
  'Policy',
  object({
    name: described(like(POLICY_NAME), 'Names the policy. Unique in the document.'),
    description: opt(described(text(4_096), 'For people. Nothing reads it.')),
    mode: opt(described(v.picklist(['enforce', 'shadow', 'off']), 'shadow decides and reports, and refuses nothing. Default: enforce.')),
    failMode: opt(described(v.picklist(['local', 'open', 'closed']), 'What happens while the store is away. Default: local.')),
    status: opt(described(whole(400, 599), 'The status of a refusal. Default: 429.')),
    active: opt(described(active, 'When the policy holds. Default: always.')),
    rollout: opt(
      described(
        titled(
          'Rollout',
          object({
            percent: described(v.pipe(v.number(), v.minValue(0), v.maxValue(100)), 'The share of the subjects.'),
            by: described(text(64), 'A name in subjects. Each limit of the policy has a subject that contains it.'),
          }),
        ),
        'Enforces for this share of the subjects, always the same ones, and decides in shadow for the others.',
      ),
    ),
    rules: described(listOf(rule, 1, MAX.rules), 'The first rule that matches a request holds.'),
    overrides: opt(described(listOf(override, 0, MAX.overrides), 'Other numbers, another tier or no limit for some subjects.')),
  }),
)

const expectation: Schema<Expectation> = titled(
  'Expectation',
  object({
    limited: opt(described(v.boolean(), 'Whether any limit applies.')),
    refusedBy: opt(described(text(64), 'The limit that refuses, as <policy>.<limit>.')),
    at: opt(described(whole(1), 'Which of the requests is the first that is refused. Default: the last.')),
    status: opt(described(whole(400, 599), 'The status of the refusal.')),
    retryAfter: opt(described(whole(0), 'Seconds of Retry-After.')),
  }),
)

const test: Schema<TestSpec> = titled(
  'Test',
  object({
    name: opt(described(text(), 'Names the test in reports. Default: the method and the path.')),
    at: opt(described(instant, 'When the requests arrive. Default: now.')),
    request: described(
      titled(
        'Request',
        object({
          method: opt(described(like(METHOD), 'The method. Default: GET.')),
          path: described(like([/^\//, "a path that begins with '/'"]), 'The path, which may have a query.'),
          host: opt(described(text(253), 'The host name. Default: the header host.')),
          ip: opt(described(text(64), 'The address of the client. Default: unknown.')),
          route: opt(described(text(512), 'The route, as the framework names it. Default: none.')),
          headers: opt(described(record(like(TOKEN), v.string()), 'The headers. Default: none.')),
          body: opt(described(v.unknown(), 'The parsed body. Default: none.')),
          attributes: opt(described(record(v.string(), v.unknown()), 'What the application says of the request. Default: none.')),
        }),
      ),
      'The request that is sent.',
    ),
    times: opt(described(whole(1, 100_000), 'How often the request is sent. Default: 1.')),
    expect: described(expectation, 'What the document must answer. At least one field is useful.'),
  }),
)

/** A document of one namespace. */
export const documentSchema: Schema<PolicyDocument> = titled(
  'Document',
  object({
    apiVersion: described(v.literal('sluice/v1'), 'The version of the format.'),
    namespace: described(like(NAMESPACE), 'The unit of authority and version. Its counters are apart from those of every other namespace.'),
    revision: described(whole(1), 'Rises with each change. A document with a lower one is ignored.'),
    rollbackOf: opt(described(whole(1), 'The revision whose content this one repeats.')),
    deleted: opt(described(v.literal(true), 'Removes all limits of the namespace. Excludes every other field but namespace and revision.')),
    description: opt(described(text(4_096), 'For people. Nothing reads it.')),
    subjects: opt(described(record(like(NAME), subject), 'Who can be limited, by name.')),
    tier: opt(
      described(
        titled(
          'Tier',
          object({
            attribute: described(field, 'The attribute with the tier of the request.'),
            table: opt(described(text(64), 'The table of clients, which knows the tier of a client.')),
            by: opt(described(field, 'The attribute with the id of the client in the table. Default: client.')),
            default: described(text(64), 'The tier of a request without a known one.'),
          }),
        ),
        'How the tier of a request is found.',
      ),
    ),
    columns: opt(described(record(text(64), like(QUALIFIED)), 'Which limit a column of the table of clients sets: <policy>.<limit>.')),
    exempt: opt(described(listOf(match, 0), 'Requests without any limit.')),
    policies: opt(described(listOf(policy, 0, MAX.policies), 'All policies that match a request make one decision.')),
    tests: opt(described(listOf(test, 0, 10_000), 'Requests, and what the document must answer to them.')),
  }),
)
