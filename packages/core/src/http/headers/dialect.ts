import { invalid } from '../../errors.ts'

/** Which header fields a limiter writes. */
export interface DialectOptions {
  /**
   * The header fields of the IETF draft, pinned by its number. Drafts 8 to 11 share one form: `RateLimit-Policy: "minute";q=100;w=60`
   * and `RateLimit: "minute";r=50;t=30`. `true` is `'draft-11'`, and stays so in minor releases; `false` writes none. Default: `'draft-11'`.
   */
  readonly standard?: 'draft-11' | 'draft-10' | 'draft-9' | 'draft-8' | 'draft-7' | 'draft-6' | boolean | undefined
  /**
   * The fields `X-RateLimit-Limit`, `-Remaining` and `-Reset`. The reset is in seconds since the epoch (`'epoch'`) or from now
   * (`'delta'`); `false` writes none. Default: `'epoch'`.
   */
  readonly legacy?: 'epoch' | 'delta' | false | undefined
  /**
   * True: adds the fields to `Access-Control-Expose-Headers`, so that scripts of other origins can read them. Names that other middleware
   * lists there stay. Default: false.
   */
  readonly exposeHeaders?: boolean | undefined
}

/** The same options with aliases and defaults resolved. */
export interface Dialect {
  readonly standard: 'structured' | 'draft-7' | 'draft-6' | false
  readonly legacy: 'epoch' | 'delta' | false
  readonly expose: boolean
}

/**
 * Checks and resolves the options, once per pipeline.
 * @throws ERR_OPTION_INVALID
 */
export function checkDialect(options: DialectOptions): Dialect {
  const { legacy = 'epoch', exposeHeaders = false } = options
  if (!LEGACY.includes(legacy)) throw invalid('rateLimit: legacy', "'epoch', 'delta' or false", legacy)
  if (typeof exposeHeaders !== 'boolean') throw invalid('rateLimit: exposeHeaders', 'true or false', exposeHeaders)
  return Object.freeze({ standard: standardOf(options.standard), legacy, expose: exposeHeaders })
}

const LEGACY: readonly unknown[] = ['epoch', 'delta', false]

function standardOf(standard: DialectOptions['standard']): Dialect['standard'] {
  switch (standard) {
    case undefined:
    case true:
    case 'draft-11':
    case 'draft-10':
    case 'draft-9':
    case 'draft-8':
      return 'structured'
    case 'draft-7':
    case 'draft-6':
    case false:
      return standard
    default:
      throw invalid('rateLimit: standard', "'draft-11', 'draft-10', 'draft-9', 'draft-8', 'draft-7', 'draft-6', true or false", standard)
  }
}
