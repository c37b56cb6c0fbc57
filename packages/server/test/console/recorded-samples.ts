const LIMITS = [
  { namespace: 'shop', policy: 'api', limit: 'minute', base: 420, refused: 0.03 },
  { namespace: 'shop', policy: 'search', limit: 'second', base: 180, refused: 0.12 },
  { namespace: 'shop', policy: 'login', limit: 'address', base: 24, refused: 0.21 },
  { namespace: 'chat', policy: 'messages', limit: 'burst', base: 310, refused: 0.01 },
  { namespace: 'chat', policy: 'tokens', limit: 'day', base: 64, refused: 0.05 },
  { namespace: 'edge', policy: 'default', limit: 'second', base: 730, refused: 0.004 },
] as const

/** What the service decided in one second: the same for the same second. */
export function sampleAt(at: number, state: 'up' | 'degraded' | 'away' = 'up'): unknown {
  const seconds = at / 1000
  const decisions = LIMITS.flatMap(({ base, refused, ...limit }, i) => {
    const wave = 1 + 0.25 * Math.sin(seconds / (90 + i * 13)) + 0.1 * noise(seconds + i * 7)
    const spike = i === 1 && seconds % 600 < 90 ? 2.2 : 1
    const total = base * wave
    const part = Math.min(0.9, refused * spike * (1 + 0.4 * noise(seconds * 3 + i)))
    const rows = [
      { ...limit, verdict: 'allowed', perSecond: Math.round(total * (1 - part)) },
      { ...limit, verdict: 'refused', perSecond: Math.round(total * part * spike) },
    ]
    if (i === 2) rows.push({ ...limit, verdict: 'blocked', perSecond: Math.round(6 + 5 * noise(seconds * 2)) })
    if (i === 4 && state === 'away') rows.push({ ...limit, verdict: 'unavailable', perSecond: Math.round(total / 2) })
    return rows
  })
  const perSecond = decisions.reduce((sum, each) => sum + each.perSecond, 0)
  const isRefusal = ({ verdict }: { verdict: string }): boolean => verdict !== 'allowed'
  const refusedShare = decisions.filter(isRefusal).reduce((sum, each) => sum + each.perSecond, 0) / perSecond
  const slow = state === 'up' ? 1 : 9
  return {
    at,
    decisions,
    perSecond,
    refusedShare,
    latencyMs: {
      p50: 0.34 * slow * (1 + 0.1 * noise(seconds)),
      p99: 1.9 * slow * (1 + 0.12 * noise(seconds * 5) + 0.15 * Math.sin(seconds / 70)),
    },
    store: { state },
    instances: 3,
  }
}

/** -1 to 1, the same for the same number. */
function noise(seed: number): number {
  const value = Math.sin(seed * 12.9898) * 43758.5453
  return 2 * (value - Math.floor(value)) - 1
}
