// A worker that does not start: the runtime refuses timers, random numbers and I/O before there is a request.
setTimeout(() => undefined, 1)

export default { fetch: (): Response => new Response() }
