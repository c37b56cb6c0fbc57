import type { PartSpec, SubjectSpec } from './document.ts'

/** Whether every part of `inner` is a part of `outer`: who has the same outer subject then has the same inner one. */
export function contains(outer: SubjectSpec, inner: SubjectSpec): boolean {
  const parts = new Set(outer.parts.map(identity))
  return inner.parts.every((part) => parts.has(identity(part)))
}

/** Whether a client can choose the value. */
export function isForgeable(subject: SubjectSpec): boolean {
  return subject.trusted !== true && subject.parts.some((part) => 'header' in part || 'cookie' in part || 'body' in part)
}

function identity(part: PartSpec): string {
  if ('header' in part) return `header ${part.header.toLowerCase()}`
  return JSON.stringify(part)
}
