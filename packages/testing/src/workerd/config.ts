/** What runs in a workerd, and what it finds there. */
export interface WorkerOptions {
  /** The worker's main module, of this workspace: TypeScript, bundled with all that it imports, workspace packages from their sources. */
  readonly entry: string | URL
  /** Strings in `env`. */
  readonly env?: Readonly<Record<string, string>>
  /** Durable Objects with SQLite, on disk: the name in `env`, and the class that the entry exports under it. */
  readonly objects?: Readonly<Record<string, string>>
  /** Default: a fixed date, so that the tests do not change by themselves. */
  readonly compatibilityDate?: string
  /** Such as `nodejs_compat`. Default: none, so that nothing of Node is there. */
  readonly compatibilityFlags?: readonly string[]
}

const COMPATIBILITY_DATE = '2026-01-01'
/** In the folder of the process. */
export const BUNDLE = 'worker.js'
export const OBJECTS = 'objects'
/** The name under which the control messages tell the port. */
export const SOCKET = 'http'

/** The configuration as workerd reads it: Cap'n Proto's text, whose strings JSON's are. */
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
    # What a test needs is on this machine; nothing else can be reached.
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
  # In memory there would be no SQLite.
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
