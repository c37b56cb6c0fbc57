const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** The start of the minute of a time, in ms. */
export function minuteOf(ms: number): number {
  return Math.floor(ms / MINUTE) * MINUTE
}

/** The start of the hour of a time, in ms. */
export function hourOf(ms: number): number {
  return Math.floor(ms / HOUR) * HOUR
}

/** What is counted together: the policy `api` of the namespace `shop`, in one mode. */
export interface BoardName {
  readonly namespace: string
  readonly policy: string
  readonly mode: string
}

/** The keys under a prefix. All keys of a namespace have one hash tag, so that one script can write several of them on a Cluster. */
export class AnalyticsKeys {
  readonly prefix: string

  constructor(prefix: string) {
    this.prefix = prefix
  }

  /** A sorted set of the namespaces, by the time (ms) at which each was counted last. */
  get namespaces(): string {
    return `${this.prefix}:namespaces`
  }

  /** The set of the boards of an hour, as `boardText` writes their names. */
  boards(namespace: string, hour: number): string {
    return `${this.base(namespace)}boards:${textOf(hour, 13)}`
  }

  /** The sorted set of subjects. */
  board({ namespace, policy, mode }: BoardName, hour: number): string {
    return `${this.base(namespace)}top:${textOf(hour, 13)}:${policy}:${mode}`
  }

  /** The hash of the endpoints of these subjects. */
  endpoints({ namespace, policy, mode }: BoardName, hour: number): string {
    return `${this.base(namespace)}endpoints:${textOf(hour, 13)}:${policy}:${mode}`
  }

  minute(namespace: string, minute: number): string {
    return `${this.base(namespace)}minute:${textOf(minute, 16)}`
  }

  hour(namespace: string, hour: number): string {
    return `${this.base(namespace)}hour:${textOf(hour, 13)}`
  }

  /** The number of the last message of a process. */
  sent(namespace: string, boot: string): string {
    return `${this.base(namespace)}sent:${boot}`
  }

  private base(namespace: string): string {
    return `${this.prefix}:{${namespace}}:`
  }
}

/** As in `2026-11-30T14`, in UTC. */
function textOf(ms: number, length: number): string {
  return new Date(ms).toISOString().slice(0, length)
}

/** Names of policies have no `:`. */
export function boardText({ policy, mode }: Pick<BoardName, 'policy' | 'mode'>): string {
  return `${policy}:${mode}`
}

export function boardOf(namespace: string, text: string): BoardName {
  const [policy = '', mode = ''] = text.split(':')
  return { namespace, policy, mode }
}

/** What a count of usage is of, in the order of a field. */
export const USAGE_PARTS = ['tenant', 'policy', 'endpoint', 'region', 'tier', 'mode', 'verdict'] as const
export type UsagePart = (typeof USAGE_PARTS)[number]

/** The field of a row in a hash of usage. */
export function usageField(parts: Readonly<Record<UsagePart, string>>): string {
  return JSON.stringify(USAGE_PARTS.map((part) => parts[part]))
}

/** `undefined` for a field that is not one. */
export function usagePartsOf(field: string): Readonly<Record<UsagePart, string>> | undefined {
  try {
    const values: unknown = JSON.parse(field)
    if (!Array.isArray(values) || values.length !== USAGE_PARTS.length) return undefined
    return Object.fromEntries(USAGE_PARTS.map((part, i) => [part, String(values[i])])) as Record<UsagePart, string>
  } catch {
    return undefined
  }
}
