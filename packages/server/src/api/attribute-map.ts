import type { IncomingMessage } from 'node:http'
import { cookie, type Part } from '@sluice/core'
import { RequestError } from '../http/request-error.ts'
import { ATTRIBUTE, MAX } from './schemas.ts'

/** Reads the value of an attribute. */
type Source = (incoming: IncomingMessage) => string | undefined

/** What the URL of an auth endpoint says. It is part of the gateway's configuration: no client can change it. */
export interface AuthSettings {
  readonly namespace: string | undefined
  readonly cost: number
  readonly attributes: readonly (readonly [name: string, source: Source])[]
}

const PREFIX = 'attribute.'
const SOURCE = /^(header|cookie|value):([^]+)$/
const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/

/** The settings of URLs, read once each. */
export class AuthSettingsReader {
  private readonly known = new Map<string, AuthSettings>()

  /** @throws ERR_REQUEST_INVALID */
  of({ search, searchParams }: URL): AuthSettings {
    let settings = this.known.get(search)
    if (settings === undefined) {
      settings = settingsOf(searchParams)
      // A gateway has one URL, or a few.
      if (this.known.size >= MAX_KNOWN) this.known.clear()
      this.known.set(search, settings)
    }
    return settings
  }
}

const MAX_KNOWN = 100

function settingsOf(parameters: URLSearchParams): AuthSettings {
  let namespace: string | undefined
  let cost = 1
  const attributes = new Map<string, Source>()
  for (const [name, value] of parameters) {
    if (name === 'namespace') namespace = value
    else if (name === 'cost') cost = unitsOf(value)
    else attributes.set(nameOf(name), sourceOf(name, value))
  }
  if (attributes.size > MAX.attributes) throw wrong('attribute', `expected at most ${MAX.attributes} of them, got ${attributes.size}`)
  return { namespace, cost, attributes: [...attributes] }
}

function nameOf(parameter: string): string {
  const name = parameter.slice(PREFIX.length)
  if (parameter.startsWith(PREFIX) && ATTRIBUTE[0].test(name)) return name
  throw wrong(parameter, 'expected namespace, cost, or attribute.<name>, such as attribute.user_id=header:x-user-id, got another parameter')
}

function sourceOf(parameter: string, text: string): Source {
  const [, kind, value = ''] = SOURCE.exec(text) ?? []
  if (kind === 'value') return () => value
  if (kind === 'header' && TOKEN.test(value)) return headerSource(value.toLowerCase())
  if (kind === 'cookie' && TOKEN.test(value)) return cookieSource(cookie(value))
  throw wrong(parameter, 'expected header:<name>, cookie:<name> or value:<text>, got another text')
}

function unitsOf(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw wrong('cost', 'expected a whole number, 0 or more, got another text')
  return Number(text)
}

function wrong(path: string, message: string): RequestError {
  return new RequestError([{ path: path.slice(0, 64), message }])
}

/** The attributes of a request: those that the settings name, and no others. What the request does not have is left out. */
export function attributesOf({ attributes }: AuthSettings, incoming: IncomingMessage): Readonly<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const [name, source] of attributes) {
    const value = source(incoming)
    if (value) found[name] = value
  }
  return found
}

function headerSource(name: string): Source {
  return (incoming) => lastLine(incoming, name)
}

function cookieSource(part: Part<IncomingMessage>): Source {
  const header = ({ headers }: IncomingMessage) => headers.cookie
  const facts = { method: () => 'GET', address: () => undefined, header }
  return (incoming) => part.read(incoming, facts) as string | undefined
}

/** The last line of a header: a gateway that adds one writes it after those of its client. */
export function lastLine({ headersDistinct }: IncomingMessage, name: string): string | undefined {
  return headersDistinct[name]?.at(-1) || undefined
}
