import type { PolicySource } from '@sluice/policies'

/** A source of documents that never change. */
export function sourceOf(...texts: string[]): PolicySource {
  return {
    name: 'the documents of the test',
    load: () => Promise.resolve({ documents: texts.map((text, i) => ({ key: String(i), text })) }),
    watch: (_cursor, _emit, signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve())),
  }
}
