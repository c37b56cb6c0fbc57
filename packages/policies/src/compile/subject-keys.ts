import { body, cookie, header, ip, type KeyOf, type Part, route } from '@sluice/core'
import type { PartSpec, SubjectSpec } from '../document.ts'
import { fieldOf } from '../request.ts'
import type { Asked } from './asked.ts'

/** The key of core that a subject of a document means. */
export function keyOf<C>({ parts, trusted }: SubjectSpec): KeyOf<Asked<C>> {
  return parts.map((spec) => {
    const part = partOf<C>(spec)
    return trusted === true && !('ip' in spec || 'route' in spec) ? { ...part, verified: true } : part
  })
}

function partOf<C>(part: PartSpec): Part<Asked<C>> {
  if ('ip' in part) return ip()
  if ('route' in part) return route()
  if ('header' in part) return header(part.header)
  if ('cookie' in part) return cookie(part.cookie)
  if ('body' in part) return body(part.body, { lower: part.normalize === 'lower' })
  const path = part.attribute.split('.')
  return {
    name: `attribute:${part.attribute}`,
    // An application gives it for a user that it knows.
    credential: true,
    verified: true,
    read: ({ attributes }) => textOf(fieldOf(attributes, path)),
  }
}

/** Ids are often numbers. Any other value is no subject. */
function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  return typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : undefined
}
