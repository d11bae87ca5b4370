import { readFile } from 'node:fs/promises'

/** The version of what runs: of the clone, or of the package that was made of it. */
export async function release(): Promise<string> {
  const about = await readFile(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(about) as { version: string }).version
}
