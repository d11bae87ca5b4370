import { t } from './text.ts'

const browsers = [
  ['Edge', /Edg/],
  ['Samsung Internet', /SamsungBrowser/],
  ['Firefox', /Firefox|FxiOS/],
  ['Chrome', /Chrome|CriOS/],
  ['Safari', /Safari/],
] as const

const systems = [
  ['Android', /Android/],
  ['iPhone', /iPhone/],
  ['iPad', /iPad/],
  ['Mac', /Mac OS/],
  ['Windows', /Windows/],
  ['Linux', /Linux|CrOS/],
] as const

/** A device in words, "Chrome on Android", out of its user agent. A guess: it helps to recognise, and proves nothing. */
export function deviceName(userAgent: string | null): string {
  const browser = browsers.find(([, pattern]) => pattern.test(userAgent ?? ''))?.[0]
  const system = systems.find(([, pattern]) => pattern.test(userAgent ?? ''))?.[0]
  if (browser && system) return t('device.named', { browser, system })
  return browser ?? system ?? t('device.unknown')
}
