import type { TestRequest } from '../document.ts'

/** A request of an access log. */
export interface LoggedRequest {
  /** ms since the epoch. */
  readonly at: number
  readonly request: TestRequest
}

/** How the lines of a log are read. */
export interface LogFormat {
  readonly name: 'nginx and Apache' | 'JSON' | 'ALB'
  /** `undefined` for a line of another format. */
  read(line: string): LoggedRequest | undefined
}

// 203.0.113.7 - ann [30/Nov/2026:08:00:00 +0000] "GET /v1/orders HTTP/1.1" 200 612 "-" "curl/8"
const COMBINED = /^(?:\S+:\d+ )?(\S+) \S+ (\S+) \[([^\]]{20,32})\] "([A-Z]+) (\S+)(?: [^"]*)?" \d{3} \S+(?: "[^"]*" "((?:[^"\\]|\\.)*)")?/

/** The format of nginx (`combined`) and of Apache (`common`, `combined`, `vhost_combined`). */
const combined: LogFormat = {
  name: 'nginx and Apache',
  read: (line) => usualLine(line) ?? anyLine(line),
}

function anyLine(line: string): LoggedRequest | undefined {
  const match = COMBINED.exec(line)
  if (match === null) return undefined
  const [, ip = '', user = '-', time = '', method = 'GET', path = '/', agent] = match
  return loggedRequest(apacheTime(time, 0, time.length), ip, user, method, path, agent)
}

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
const STATUS = /^" \d{3} \S+$/

/** What COMBINED finds in a line as nearly all are: without a host before the address, and without a backslash. It takes a third of the time. */
function usualLine(line: string): LoggedRequest | undefined {
  const ipEnd = line.indexOf(' ')
  const userStart = line.indexOf(' ', ipEnd + 1) + 1
  const userEnd = line.indexOf(' ', userStart)
  const timeEnd = line.indexOf(']', userEnd)
  const methodStart = timeEnd + 3
  const methodEnd = line.indexOf(' ', methodStart)
  const requestEnd = line.indexOf('"', methodStart)
  const space = line.indexOf(' ', methodEnd + 1)
  const pathEnd = space < requestEnd ? space : requestEnd
  const bytesEnd = line.indexOf(' "', requestEnd + 6)
  const refererEnd = line.indexOf('"', bytesEnd + 2)
  const agentEnd = line.indexOf('"', refererEnd + 3)
  const method = line.slice(methodStart, methodEnd)
  const isUsual =
    ipEnd > 0 &&
    userStart > ipEnd + 2 &&
    userEnd > userStart &&
    line.startsWith(' [', userEnd) &&
    isTimeLength(timeEnd - userEnd - 2) &&
    line.startsWith('] "', timeEnd) &&
    METHODS.has(method) &&
    pathEnd > methodEnd + 1 &&
    bytesEnd > 0 &&
    STATUS.test(line.slice(requestEnd, bytesEnd)) &&
    line.startsWith('" "', refererEnd) &&
    agentEnd > 0 &&
    !line.includes('\\')
  if (!isUsual) return undefined
  const user = line.slice(userStart, userEnd)
  const agent = line.slice(refererEnd + 3, agentEnd)
  return loggedRequest(
    apacheTime(line, userEnd + 2, timeEnd),
    line.slice(0, ipEnd),
    user,
    method,
    line.slice(methodEnd + 1, pathEnd),
    agent,
  )
}

function isTimeLength(length: number): boolean {
  return length >= 20 && length <= 32
}

function loggedRequest(
  at: number,
  ip: string,
  user: string,
  method: string,
  path: string,
  agent: string | undefined,
): LoggedRequest | undefined {
  if (Number.isNaN(at)) return undefined
  const attributes = user === '-' ? NONE : { user }
  const headers = agent === undefined || agent === '-' ? NONE_SENT : { 'user-agent': agent }
  return { at, request: { method, path, ip, attributes, headers } }
}

const NONE: Readonly<Record<string, unknown>> = Object.freeze({})
const NONE_SENT: Readonly<Record<string, string>> = Object.freeze({})

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
// Hundreds of lines in a row have the same second.
let lastTime = ''
let lastMillis = Number.NaN

/** `30/Nov/2026:08:00:00 +0000` */
function apacheTime(line: string, start: number, end: number): number {
  if (end - start === lastTime.length && line.startsWith(lastTime, start)) return lastMillis
  const text = line.slice(start, end)
  const month = String(MONTHS.indexOf(text.slice(3, 6)) + 1).padStart(2, '0')
  const iso = `${text.slice(7, 11)}-${month}-${text.slice(0, 2)}T${text.slice(12, 20)}${text.slice(21, 24)}:${text.slice(24, 26)}`
  lastTime = text
  lastMillis = Date.parse(iso)
  return lastMillis
}

/** What loggers call the fields of a request. The first that is there is taken. */
const FIELDS = {
  at: ['time', 'timestamp', '@timestamp', 'time_iso8601', 'time_local', 'msec', 'ts', 'StartUTC'],
  ip: ['remote_addr', 'client_ip', 'clientIp', 'remoteAddress', 'remote_ip', 'ip', 'ClientHost'],
  method: ['request_method', 'method', 'RequestMethod'],
  path: ['request_uri', 'uri', 'path', 'url', 'RequestPath'],
  host: ['host', 'http_host', 'RequestHost'],
} as const

/** One object a line: nginx with `escape=json`, Caddy, Traefik, pino. */
const json: LogFormat = {
  name: 'JSON',
  read(line) {
    if (!line.startsWith('{')) return undefined
    let value: unknown
    try {
      value = JSON.parse(line)
    } catch {
      return undefined
    }
    const nested = (value as { readonly request?: unknown }).request ?? (value as { readonly req?: unknown }).req
    const sources = [value, typeof nested === 'object' ? nested : undefined] as readonly (Readonly<Record<string, unknown>> | undefined)[]
    const find = (names: readonly string[]): unknown => {
      for (const source of sources) for (const name of names) if (source?.[name] !== undefined) return source[name]
      return undefined
    }
    const at = millisOf(find(FIELDS.at))
    const path = find(FIELDS.path)
    if (Number.isNaN(at) || typeof path !== 'string') return undefined
    const fields = value as { readonly headers?: Record<string, string>; readonly attributes?: Record<string, unknown> }
    return {
      at,
      request: {
        method: textOf(find(FIELDS.method)) ?? 'GET',
        path,
        ip: textOf(find(FIELDS.ip)) ?? '',
        host: textOf(find(FIELDS.host)),
        headers: fields.headers ?? NONE_SENT,
        attributes: fields.attributes ?? NONE,
      },
    }
  },
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** A date as text, or a number of seconds or milliseconds. */
function millisOf(value: unknown): number {
  if (typeof value === 'string') return /^\d+(?:\.\d+)?$/.test(value) ? millisOf(Number(value)) : Date.parse(value)
  if (typeof value !== 'number') return Number.NaN
  // No log is of before 1973 in ms, and none of after 5138 in s.
  return value < 1e11 ? Math.round(value * 1000) : value
}

// https 2026-11-30T08:00:00.186641Z app/lb/50dc 192.168.131.39:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 0 57 "GET https://x.org:443/p HTTP/1.1" "curl" …
const ALB =
  /^(?:https?|h2|grpcs|wss?) (\S+) \S+ (\S+):\d+ \S+ [-\d.]+ [-\d.]+ [-\d.]+ \S+ \S+ \d+ \d+ "([A-Z]+) (\S+) [^"]*" "((?:[^"\\]|\\.)*)"/

/** The access logs of an Application Load Balancer of AWS. */
const alb: LogFormat = {
  name: 'ALB',
  read(line) {
    const match = ALB.exec(line)
    if (match === null) return undefined
    const [, time, ip, method, url, agent] = match
    const at = Date.parse(time ?? '')
    if (Number.isNaN(at)) return undefined
    const target = /^[a-z]+:\/\/(\[[^\]]*\]|[^/:]*)(?::\d+)?(\/\S*)?$/.exec(url ?? '')
    return {
      at,
      request: {
        method: method ?? 'GET',
        path: target?.[2] ?? '/',
        host: target?.[1],
        ip: ip ?? '',
        headers: { 'user-agent': agent ?? '' },
        attributes: NONE,
      },
    }
  },
}

export const FORMATS: readonly LogFormat[] = [combined, json, alb]

/** For a test: what the expression alone finds. */
export const readByExpression: LogFormat['read'] = anyLine
