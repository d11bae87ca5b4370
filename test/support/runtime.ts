import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

/**
 * The program of another runtime: npm installs of its optional packages the one that fits this machine. (What its own package
 * would copy from there after the install is not needed.)
 *
 * @param manifest URL of the package.json that lists them
 * @param path of the program in such a package
 */
export function runtime(manifest: string, path: string): string {
  const { name, version, optionalDependencies } = JSON.parse(readFileSync(new URL(manifest), 'utf8'))
  const { resolve } = createRequire(manifest)
  const file = process.platform === 'win32' ? `${path}.exe` : path
  for (const platform of Object.keys(optionalDependencies)) {
    try {
      return resolve(`${platform}/${file}`)
    } catch {
      // Of another platform.
    }
  }
  throw new Error(
    `${name} ${version} is not installed for ${process.platform} ${process.arch}: run npm ci, without --omit=optional.`,
  )
}
