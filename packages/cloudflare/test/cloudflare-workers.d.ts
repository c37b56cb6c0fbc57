// The part of Cloudflare's module that tests use. Its own types would replace those of the DOM and of Node.
declare module 'cloudflare:workers' {
  export function waitUntil(work: Promise<unknown>): void
}
