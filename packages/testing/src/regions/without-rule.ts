import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build, type Plugin } from 'esbuild'
import type { RegionsModule } from './types.ts'

const SOURCE = join(import.meta.dirname, '..', '..', '..', 'regions', 'src')

/** A change of the code that takes a rule away. */
export interface Removal {
  /** The name of a file in packages/regions/src. */
  readonly file: string
  /** A text that is once in the file. */
  readonly from: string
  readonly to: string
}

/**
 * Loads a copy of @sluice/regions that lacks a rule, so that a test can show that the checker notices.
 * @throws if the text of a removal is not exactly once in its file: the code has changed, and the removal must follow
 */
export async function withoutRule(removals: readonly Removal[]): Promise<RegionsModule> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-regions-'))
  try {
    const outfile = join(folder, 'regions.mjs')
    await build({
      entryPoints: [join(SOURCE, 'store-kit.ts')],
      bundle: true,
      format: 'esm',
      platform: 'node',
      conditions: ['source'],
      outfile,
      plugins: [removing(removals)],
    })
    return (await import(/* @vite-ignore */ pathToFileURL(outfile).href)) as RegionsModule
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function removing(removals: readonly Removal[]): Plugin {
  return {
    name: 'without-rule',
    setup({ onLoad }) {
      onLoad({ filter: /packages[\\/]regions[\\/]src[\\/]\w[\w-]*\.ts$/ }, ({ path }) => {
        const contents = removals
          .filter(({ file }) => file === basename(path))
          .reduce((text, removal) => replaced(text, removal), readFileSync(path, 'utf8'))
        return { contents, loader: 'ts' }
      })
    },
  }
}

function replaced(text: string, { file, from, to }: Removal): string {
  const parts = text.split(from)
  if (parts.length !== 2) throw new Error(`${file}: expected ${JSON.stringify(from)} once, found ${parts.length - 1} times`)
  return parts.join(to)
}
