/** Tells which special-use name a host is or lies under. Such names never lead to the public Internet. */
export const specialNameOf = (host: string): string | undefined =>
  specialNames.find((name) => host === name || host.endsWith(`.${name}`))

export const isSpecialName = (host: string): boolean => specialNameOf(host) !== undefined

/** Special-use names (RFC 6761, 6762, 7686, 8375) and what inner networks commonly use in their stead. */
const specialNames = [
  'localhost',
  'local',
  'localdomain',
  'internal',
  'intranet',
  'home.arpa',
  'home',
  'lan',
  'corp',
  'private',
  'svc',
  'test',
  'invalid',
  'example',
  'onion',
  'alt',
]
