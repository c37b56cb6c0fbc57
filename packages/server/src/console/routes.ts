import type { HeaderLine } from '@sluice/core/adapter-kit'
import { string } from 'valibot'
import type { Described } from '../api/operation.ts'
import type { Answer, Exchange, Route } from '../http/route.ts'
import { type ConsoleFile, consoleFiles } from './files.ts'

/** Nothing but the files and the endpoints of this service: no inline script or style, no frame, no form. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ')

const SECURITY: readonly HeaderLine[] = [
  ['Content-Security-Policy', POLICY],
  ['X-Content-Type-Options', 'nosniff'],
  ['Referrer-Policy', 'no-referrer'],
  ['Cross-Origin-Opener-Policy', 'same-origin'],
  ['Cross-Origin-Resource-Policy', 'same-origin'],
]

const NOT_BUILT = 'This copy of the service has no console: it was not built. In the workspace, run  npm run build  and start it again.\n'

/** Of the page only: the names of its files change with each build. */
const DESCRIBED: { readonly described: Described } = {
  described: {
    id: 'console',
    tag: 'Service',
    summary: 'The console, for people',
    answers: {
      200: { description: 'A page, whose files are below /console/.', type: 'text/html', body: string() },
      304: { description: 'The page is the one that the client has.' },
      404: { description: 'This copy of the service was built without it.', type: 'text/plain', body: string() },
    },
  },
}

/** `/` is the page of the console; its files lie below `/console/`, by names that change with their content. */
export function consoleRoutes(): readonly Route[] {
  const files = consoleFiles()
  const page = files.find(({ name }) => name === 'index.html')
  if (page === undefined)
    return [{ method: 'GET', path: '/', ...DESCRIBED, handle: () => ({ status: 404, headers: TEXT, body: NOT_BUILT }) }]
  return files.map((file) =>
    file === page
      ? { method: 'GET', path: '/', ...DESCRIBED, handle: (exchange) => answer(exchange, file, 'no-cache') }
      : {
          method: 'GET',
          path: `/console/${file.name}`,
          handle: (exchange) => answer(exchange, file, 'public, max-age=31536000, immutable'),
        },
  )
}

const TEXT: readonly HeaderLine[] = [
  ['Content-Type', 'text/plain; charset=utf-8'],
  ['Cache-Control', 'no-store'],
]

function answer({ incoming: { headers } }: Exchange, { type, forms, tag }: ConsoleFile, caching: string): Answer {
  const common: readonly HeaderLine[] = [...SECURITY, ['Cache-Control', caching], ['ETag', tag], ['Vary', 'Accept-Encoding']]
  if (headers['if-none-match'] === tag) return { status: 304, headers: common }
  const coding = codingOf(headers['accept-encoding'])
  const body = forms[coding]
  const own: HeaderLine[] = [
    ['Content-Type', type],
    ['Content-Length', String(body.length)],
  ]
  if (coding !== 'identity') own.push(['Content-Encoding', coding])
  return { status: 200, headers: [...common, ...own], body }
}

/** The smallest form that the client takes. */
function codingOf(accepted: string | string[] | undefined): 'br' | 'gzip' | 'identity' {
  const taken = String(accepted ?? '')
    .split(',')
    .filter((each) => !/;\s*q=0(?:\.0*)?\s*$/.test(each))
    .map((each) => each.split(';')[0]!.trim())
  return taken.includes('br') ? 'br' : taken.includes('gzip') ? 'gzip' : 'identity'
}
