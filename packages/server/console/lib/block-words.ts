import { count, dateTime, fromNow, plural } from './format.ts'
import type { BlockRow, BlockWhy, Evidence } from './types.ts'

/** Why an entry of the block list is there, in sentences. */
export function entryInWords({ name, rule, effect, since, until, level, evidence, reason }: BlockRow): readonly string[] {
  const times = `since ${dateTime(since)}, ${until === null || until === undefined ? 'without an end' : `ends ${fromNow(until)}`}`
  if (effect === 'allow') return [`${name} is never blocked, ${times}${reason ? `: ${reason}` : ''}.`]
  if (rule === 'manual') return [`${name} was blocked by hand, ${times}${reason ? `: ${reason}` : ''}.`]
  return [
    `The rule ${rule} blocked ${name}, ${times}.`,
    ...(evidence ? [evidenceInWords(evidence)] : []),
    ...(level > 1 ? [`It is block ${level} in a row, and each lasts longer.`] : []),
  ]
}

function evidenceInWords({ strikes, refused, requests, endpoints, limits }: Evidence): string {
  const where = limits.length > 0 ? ` by ${limits.join(', ')}` : ''
  return `${count(refused)} of ${plural(requests, 'request')} were refused${where}, at ${plural(endpoints, 'endpoint')}; ${count(strikes)} came before Retry-After had passed.`
}

/** Why a target is blocked or not, in sentences. */
export function whyInWords({ blocked, allowed, counting }: BlockWhy): readonly string[] {
  const words = [...(blocked ? entryInWords(blocked) : []), ...(allowed ? entryInWords(allowed) : [])]
  if (counting) words.push(`Counted now: ${evidenceInWords(counting)}`)
  return words.length > 0 ? words : ['No entry is for it, and nothing is counted.']
}
