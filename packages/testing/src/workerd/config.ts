/** Options of `startWorkerd()`. */
export interface WorkerOptions {
  /** The main module of the worker, in TypeScript. It is bundled with its imports; workspace packages come from their sources. */
  readonly entry: string | URL
  /** Strings in the worker's `env`. Default: none. */
  readonly env?: Readonly<Record<string, string>>
  /** Durable Objects with SQLite on disk: from the name in `env` to the class that the entry exports. Default: none. */
  readonly objects?: Readonly<Record<string, string>>
  /** How many isolates run the worker. All share its objects, which run in the first. Default 1. */
  readonly isolates?: number
  /** The request header from which `request.cf` is parsed, as the edge of Cloudflare sends it. Default: workerd makes `cf` of the connection. */
  readonly cfHeader?: string
  /** Default: a fixed date, so that the tests do not change with time. */
  readonly compatibilityDate?: string
  /** Such as `nodejs_compat`. Default: none, so that no Node API exists. */
  readonly compatibilityFlags?: readonly string[]
}

const COMPATIBILITY_DATE = '2026-01-01'
/** Names in the folder of the process. */
export const BUNDLE = 'worker.js'
export const OBJECTS = 'objects'
/** The name of an isolate's socket in workerd's control messages. */
export const socketOf = (isolate: number): string => `http${isolate}`

/** The configuration in the text format of Cap'n Proto. Its strings are written as JSON strings. */
export function configOf(options: WorkerOptions): string {
  const { env = {}, objects = {}, isolates = 1, cfHeader, compatibilityDate = COMPATIBILITY_DATE, compatibilityFlags = [] } = options
  const texts = Object.entries(env).map(([name, value]) => `(name = ${text(name)}, text = ${text(value)})`)
  const classes = [...new Set(Object.values(objects))]
  const all = Array.from({ length: isolates }, (_, isolate) => isolate)
  const http = cfHeader === undefined ? '()' : `(cfBlobHeader = ${text(cfHeader)})`
  // Each service is an isolate. Only the first has the classes. The others name it in their bindings.
  const workerOf = (isolate: number): string => {
    const bindings = Object.entries(objects).map(([name, className]) => {
      const namespace = isolate === 0 ? text(className) : `(className = ${text(className)}, serviceName = "worker0")`
      return `(name = ${text(name)}, durableObjectNamespace = ${namespace})`
    })
    const namespaces = classes.map((name) => `(className = ${text(name)}, uniqueKey = ${text(name)}, enableSql = true)`)
    // Objects in memory have no SQLite.
    const storage = `durableObjectNamespaces = ${list(namespaces)},\n  durableObjectStorage = (localDisk = "disk"),`
    return `const worker${isolate} :Workerd.Worker = (
  modules = [(name = ${text(BUNDLE)}, esModule = embed ${text(BUNDLE)})],
  compatibilityDate = ${text(compatibilityDate)},
  compatibilityFlags = ${list(compatibilityFlags.map(text))},
  bindings = ${list([...texts, ...bindings])},
  ${isolate === 0 ? storage : ''}
);
`
  }
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    ${all.map((isolate) => `(name = "worker${isolate}", worker = .worker${isolate}),`).join('\n    ')}
    # Tests reach this machine only.
    (name = "internet", network = (allow = ["local"])),
    (name = "disk", disk = (path = ${text(OBJECTS)}, writable = true)),
  ],
  sockets = ${list(all.map((isolate) => `(name = ${text(socketOf(isolate))}, address = "127.0.0.1:0", http = ${http}, service = "worker${isolate}")`))},
);

${all.map(workerOf).join('\n')}`
}

function list(items: readonly string[]): string {
  return `[${items.join(', ')}]`
}

function text(value: string): string {
  return JSON.stringify(value)
}
