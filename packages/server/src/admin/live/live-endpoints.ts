import { EventStreams } from '../../http/event-streams.ts'
import { json } from '../../http/answers.ts'
import type { Answer } from '../../http/route.ts'
import type { Admin } from '../admin.ts'
import type { Endpoints } from '../endpoint.ts'
import { overviewOf } from '../overview.ts'
import { numberIn } from '../read.ts'
import type { Scopes } from '../scopes.ts'
import { visible } from './sample.ts'

/** Pages that watch at a time. */
const MAX_READERS = 100

/** What happens now, as events, and what happened in the last 15 minutes. */
export function liveEndpoints(admin: Admin): Endpoints {
  const streams = new EventStreams(MAX_READERS)
  admin.onClose(() => streams.close())
  return [
    {
      method: 'GET',
      path: 'live',
      action: 'read',
      summary: 'Sends the events overview (first), sample (each second) and change (a document came into force).',
      handle: ({ identity }) => live(admin, streams, identity.scopes),
    },
    {
      method: 'GET',
      path: 'live/history',
      action: 'read',
      summary: 'The samples of this instance in the last minutes, at most 15.',
      handle: ({ identity, query }) => {
        const samples = admin.sampler.history(numberIn(query, 'minutes', 1, 15, 15))
        return json(200, { samples: samples.map((sample) => visible(sample, identity.scopes)) })
      },
    },
  ]
}

async function live(admin: Admin, streams: EventStreams, scopes: Scopes): Promise<Answer> {
  const overview = await overviewOf(admin, scopes)
  return streams.answer((reader) => {
    reader.send('overview', overview)
    const unsample = admin.sampler.subscribe((sample) => reader.send('sample', visible(sample, scopes)))
    const unchange = admin.feed.subscribe(({ document: { namespace, revision } }) => {
      if (scopes.allows('read', namespace)) reader.send('change', { namespace, revision })
    })
    return () => {
      unsample()
      unchange()
    }
  })
}
