/** Options of `startWorkerd()`. */
export interface WorkerOptions {
  /** The main module of the worker, in TypeScript. It is bundled with its imports; workspace packages come from their sources. */
  readonly entry: string | URL
  /** Strings in the worker's `env`. Default: none. */
  readonly env?: Readonly<Record<string, string>>
  /** Durable Objects with SQLite on disk: from the name in `env` to the class that the entry exports. Default: none. */
  readonly objects?: Readonly<Record<string, string>>
  /** Default: a fixed date, so that the tests do not change with time. */
  readonly compatibilityDate?: string
  /** Such as `nodejs_compat`. Default: none, so that no Node API exists. */
  readonly compatibilityFlags?: readonly string[]
}

const COMPATIBILITY_DATE = '2026-01-01'
/** Names in the folder of the process. */
export const BUNDLE = 'worker.js'
export const OBJECTS = 'objects'
/** The name of the socket in workerd's control messages. */
export const SOCKET = 'http'

/** The configuration in the text format of Cap'n Proto. Its strings are written as JSON strings. */
export function configOf(options: WorkerOptions): string {
  const { env = {}, objects = {}, compatibilityDate = COMPATIBILITY_DATE, compatibilityFlags = [] } = options
  const bindings = [
    ...Object.entries(env).map(([name, value]) => `(name = ${text(name)}, text = ${text(value)})`),
    ...Object.entries(objects).map(([name, className]) => `(name = ${text(name)}, durableObjectNamespace = ${text(className)})`),
  ]
  const classes = [...new Set(Object.values(objects))]
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "worker", worker = .worker),
    # Tests reach this machine only.
    (name = "internet", network = (allow = ["local"])),
    (name = "disk", disk = (path = ${text(OBJECTS)}, writable = true)),
  ],
  sockets = [(name = ${text(SOCKET)}, address = "127.0.0.1:0", http = (), service = "worker")],
);

const worker :Workerd.Worker = (
  modules = [(name = ${text(BUNDLE)}, esModule = embed ${text(BUNDLE)})],
  compatibilityDate = ${text(compatibilityDate)},
  compatibilityFlags = ${list(compatibilityFlags.map(text))},
  bindings = ${list(bindings)},
  durableObjectNamespaces = ${list(classes.map((name) => `(className = ${text(name)}, uniqueKey = ${text(name)}, enableSql = true)`))},
  # Objects in memory have no SQLite.
  durableObjectStorage = (localDisk = "disk"),
);
`
}

function list(items: readonly string[]): string {
  return `[${items.join(', ')}]`
}

function text(value: string): string {
  return JSON.stringify(value)
}
