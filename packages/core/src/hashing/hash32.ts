/**
 * A 32-bit hash of a text: FNV-1a (Fowler, Noll, Vo) with a final mix. Cheap, but without a key: a client can compute two texts
 * with one hash, so use it only where a collision does no harm. `seed`: the hash of a text that comes before this one.
 */
export function hash32(text: string, seed = 0x811c9dc5): number {
  let hash = seed
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  return (hash ^ (hash >>> 13)) >>> 0
}
