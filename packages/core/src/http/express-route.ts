// The pattern of a route of Express 4 or 5, with the patterns of the routers that it is in. `req.baseUrl` is the text of the request, so a
// client could spell it in many ways. The layers of the routers have the patterns, or what stands for them.

type MountPath = string | RegExp | readonly (string | RegExp)[]

/** As much as is read of a layer of a router. The fields depend on the version. */
interface Layer {
  readonly route?: unknown
  readonly handle?: unknown
  /** Express 5, from router 2.3. */
  readonly rawPath?: MountPath | undefined
  /** Express 5. True: the layer is mounted on `/`. */
  readonly slash?: boolean | undefined
  /** Express 4. */
  readonly regexp?: (RegExp & { readonly fast_slash?: boolean | undefined }) | undefined
  /** Express 4. */
  readonly keys?: readonly { readonly name: string | number }[] | undefined
}

/** An application or a router. */
interface Routing {
  readonly stack?: readonly Layer[]
  /** Express 4. */
  readonly _router?: Routing
  /** Express 4, where reading `router` throws. */
  readonly lazyrouter?: unknown
  /** Express 5. */
  readonly router?: Routing
  /** Applications: where they are mounted. */
  readonly parent?: Routing
  readonly mountpath?: MountPath | undefined
}

/** By application and route, since no route moves. */
const patterns = new WeakMap<object, WeakMap<object, string>>()
/** For a route without an application, which a router made that runs on its own. */
const NO_APPLICATION = {}

/**
 * The pattern of a route, such as `/users/:id`. A router that is mounted in several places has one pattern for all of them. A router
 * that no layer has, such as one that a function of the application calls, counts as `*`.
 */
export function expressRoute(route: object, app: object = NO_APPLICATION): string {
  let known = patterns.get(app)
  if (known === undefined) patterns.set(app, (known = new WeakMap()))
  let pattern = known.get(route)
  if (pattern === undefined) known.set(route, (pattern = patternIn(app, route)))
  return pattern
}

function patternIn(app: Routing, route: object): string {
  const mounts = mountsOf(route, stackOf(app) ?? [], [])
  const ends = mounts.length === 0 ? ['*'] : mounts
  const path = String((route as { readonly path?: unknown }).path)
  const start = applicationMount(app)
  return [...new Set(ends)].map((mount) => start + mount + path).join('|')
}

/** Where the application itself is mounted in other applications. */
function applicationMount({ parent, mountpath }: Routing): string {
  return parent === undefined ? '' : applicationMount(parent) + mountText(mountpath)
}

/** The patterns of all ways to the route through nested routers. */
function mountsOf(route: object, stack: readonly Layer[], above: readonly Layer[]): readonly string[] {
  return stack.flatMap((layer, i) => {
    if (layer.route === route) return ['']
    const inner = above.includes(layer) ? undefined : stackOf(layer.handle)
    if (layer.route !== undefined || inner === undefined) return []
    return mountsOf(route, inner, [...above, layer]).map((rest) => layerText(layer, i) + rest)
  })
}

function stackOf(handle: unknown): readonly Layer[] | undefined {
  if ((typeof handle !== 'function' && typeof handle !== 'object') || handle === null) return undefined
  const routing = handle as Routing
  const own = routing.stack ?? routing._router?.stack
  return own ?? (routing.lazyrouter === undefined ? routing.router?.stack : undefined)
}

function layerText({ rawPath, slash, regexp, keys = [] }: Layer, index: number): string {
  if (slash === true || regexp?.fast_slash === true) return ''
  if (rawPath !== undefined) return mountText(rawPath)
  // Express 5 before router 2.3 keeps no pattern. The place of the layer in its router is as constant.
  return regexp === undefined ? `/#${index}` : regexpText(regexp.source, keys)
}

function mountText(path: MountPath | undefined): string {
  return path === '/' || path === undefined ? '' : String(path)
}

/** The pattern that Express 4 made the expression from; the expression itself if that is not a plain one. */
function regexpText(source: string, keys: NonNullable<Layer['keys']>): string {
  let key = 0
  const plain = source
    .replace(/^\^/, '')
    .replace(/\\\/\?\(\?=\\\/\|\$\)$/, '')
    .replaceAll(/\(\?:\\\/\(\[\^\\?\/\]\+\?\)\)/g, () => `/:${keys[key++]?.name}`)
    .replaceAll('\\/', '/')
  return /^[\w/:~@!,;=%-]*$/.test(plain) ? plain : source
}
