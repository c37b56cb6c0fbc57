import * as v from 'valibot'
import type { CeilingsDocument, CeilingSpec, RateSpec } from './ceilings.ts'
import {
  described,
  duration,
  like,
  listOf,
  MAX,
  NAMESPACE_OR_ALL,
  object,
  opt,
  record,
  type Schema,
  text,
  titled,
  whole,
} from './schema-parts.ts'

const rate: Schema<RateSpec> = titled(
  'Rate',
  object({
    limit: described(whole(0), 'The most units in the window.'),
    window: described(duration, 'A length from 1ms to 366d.'),
  }),
)

const ceiling: Schema<CeilingSpec> = titled(
  'Ceiling',
  object({
    rates: opt(
      described(
        listOf(rate, 1, 20),
        'The largest numbers of limits and bursts. A limit over a window as long as this one, or longer, has at most this rate. One over a shorter window has at most this number, and at most the rate of the shortest window. Default: no bound.',
      ),
    ),
    concurrency: opt(described(whole(0), 'The most requests at once that a limit allows. Default: no bound.')),
    failMode: opt(
      described(
        v.picklist(['open', 'local', 'closed']),
        'The least strict failMode of a policy: open, then local, then closed. Default: open.',
      ),
    ),
    unlimited: opt(
      described(v.boolean(), 'False: no rule and no tier has an empty list of limits, and no override exempts. Default: true.'),
    ),
    policies: opt(described(whole(0, MAX.policies), 'The most policies. Default: 200.')),
    rules: opt(described(whole(0, MAX.rules), 'The most rules of all policies. Default: 500.')),
    overrides: opt(described(whole(0, MAX.overrides), 'The most overrides of all policies. Default: 10000.')),
  }),
)

/** A document of ceilings. */
export const ceilingsSchema: Schema<CeilingsDocument> = titled(
  'Ceilings',
  object({
    apiVersion: described(v.literal('sluice/v1'), 'The version of the format.'),
    kind: described(v.literal('ceilings'), 'The kind of the document. A document of policies has none.'),
    revision: described(whole(1), 'Rises with each change. A document with a lower one is ignored.'),
    description: opt(described(text(4_096), 'For people. Nothing reads it.')),
    namespaces: described(
      record(like(NAMESPACE_OR_ALL), ceiling),
      'The ceilings of each namespace. Those of * are for the namespaces that are not named. A namespace without ceilings has only the bounds of the format.',
    ),
  }),
)
