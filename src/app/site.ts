import { type Config, SettingError } from '../config.ts'

/** @throws SettingError when people would reach the pages in clear text */
export function siteOf(origin: string, { isDev, appOrigins }: Config) {
  const { hostname, protocol } = new URL(origin)
  const isLoopback = hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '127.0.0.1'
  if (protocol === 'http:' && !isLoopback && !isDev) {
    throw new SettingError(
      `COUNTERSIGN_URL must begin with https:// (passkeys need it). Example: https://${hostname}`,
    )
  }
  return { origin, rpId: hostname, appOrigins: appOrigins ?? [] }
}
