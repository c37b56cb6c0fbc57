// An oxlint plugin with one rule: only clock.ts reads the time or sets a timer, under any name. The rules of oxlint itself cannot forbid
// `new Date()` or `globalThis.Date.now()`.

const message = 'Time is a parameter: only packages/core/src/clock.ts reads the time or sets a timer. Take a Clock.'
const TIMERS = new Set(['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'nextTick', 'hrtime'])
/** Objects with members that read the time or set a timer. @type {Readonly<Record<string, readonly string[]>>} */
const MEMBERS = { Date: ['now'], performance: ['now'], AbortSignal: ['timeout'], scheduler: ['wait', 'postTask', 'yield'] }
const MODULES = /^(node:)?(timers|timers\/promises|perf_hooks)$/

/** The last name of `a`, `x.a`, `x?.a` or `x['a']`. @param {any} node @returns {string | undefined} */
const nameOf = (node) => {
  if (node.type === 'Identifier') return node.name
  if (node.type === 'ChainExpression') return nameOf(node.expression)
  if (node.type === 'MemberExpression') return node.computed ? node.property.value : node.property.name
  return undefined
}

/** Whether an object's member reads the time or sets a timer. @param {string | undefined} object @param {string | undefined} member */
const isTime = (object, member) =>
  member !== undefined &&
  (TIMERS.has(member) || (object !== undefined && Object.hasOwn(MEMBERS, object) && MEMBERS[object]?.includes(member)))

/** Whether an identifier only names a property, a type or an import, and reads no variable. @param {any} node */
const isName = ({ parent, ...node }) => {
  if (parent.type === 'MemberExpression') return !parent.computed && parent.property.start === node.start
  if (parent.type === 'Property' && parent.parent.type === 'ObjectPattern') return true
  if (parent.type === 'Property' || /(Definition|Signature)$/.test(parent.type))
    return !parent.shorthand && parent.key?.start === node.start
  return /^(TS|Import|Export)/.test(parent.type)
}

/** Whether `Date` is used for a time that is given: `new Date(ms)`, `Date.UTC(…)`, `x instanceof Date`. @param {any} node */
const isGivenTime = ({ parent, ...node }) => {
  if (parent.type === 'MemberExpression') return parent.object.start === node.start
  if (parent.type === 'NewExpression') return parent.callee.start === node.start && parent.arguments.length > 0
  return parent.type === 'BinaryExpression' && parent.operator === 'instanceof'
}

/** @param {any} context */
const create = (context) => {
  /** @param {any} node */
  const report = (node) => context.report({ node, message })
  /** @param {any} node */
  const checkModule = (node) => {
    if (typeof node.source?.value === 'string' && MODULES.test(node.source.value) && node.importKind !== 'type') report(node)
  }
  return {
    ImportDeclaration: checkModule,
    ImportExpression: checkModule,
    ExportNamedDeclaration: checkModule,
    ExportAllDeclaration: checkModule,
    /** @param {any} node */
    MemberExpression(node) {
      if (isTime(nameOf(node.object), nameOf(node))) report(node)
      else if (nameOf(node) === 'Date' && !isGivenTime(node)) report(node)
    },
    /** @param {any} node */
    Identifier(node) {
      if (isName(node)) return
      if (TIMERS.has(node.name) || (node.name === 'Date' && !isGivenTime(node))) report(node)
    },
    /** `const { now } = Date`, `const { setTimeout: wait } = globalThis`. @param {any} node */
    VariableDeclarator({ id, init }) {
      if (id.type !== 'ObjectPattern' || !init) return
      for (const { key } of id.properties) if (key && isTime(nameOf(init), key.name ?? key.value)) report(key)
    },
  }
}

export default { meta: { name: 'sluice' }, rules: { 'time-is-a-parameter': { create } } }
