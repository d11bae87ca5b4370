import { BlockList, isIP } from 'node:net'
import { isForbiddenAddress, isInnerAddress } from './addresses.ts'
import { isSpecialName } from './names.ts'

/** Which addresses may be named and dialled. */
export interface UrlPolicy {
  /** Development only: also http, any port, loopback and private addresses. */
  isOpen: boolean
  /** What the operator lets through beyond the public Internet. */
  allow: readonly AllowEntry[]
}

/** A network, or a host with the port it may be called on. */
export type AllowEntry = { text: string; network: BlockList; family: 'ipv4' | 'ipv6' } | AllowedHost

interface AllowedHost {
  text: string
  /** Lower case. */
  host: string
  /** Stands for every name that ends in `.host`, and not for `host` itself. */
  isWildcard: boolean
  port: string
}

export const createPolicy = ({ isOpen = false, allow = [] }: Partial<UrlPolicy> = {}): UrlPolicy => ({
  isOpen,
  allow,
})

/** Whether a host stands in the operator's list with this port. */
export const isListedHost = ({ allow }: UrlPolicy, host: string, port: string): boolean =>
  allow.some(
    (entry) =>
      'host' in entry &&
      entry.port === (port || HTTPS_PORT) &&
      (entry.isWildcard ? host.endsWith(`.${entry.host}`) : host === entry.host),
  )

/** Whether an address lies in a network of the operator's list. An IPv4 address written as IPv6 lies in none. */
export function isListedAddress({ allow }: UrlPolicy, address: string): boolean {
  if (address.includes('%')) return false
  const family = FAMILIES[isIP(address)]
  return allow.some(
    (entry) => 'network' in entry && entry.family === family && entry.network.check(address, family),
  )
}

/** Whether an address that a name led to may be dialled. `isListed`: the host stands in the list with its port. */
export const mayDial = (policy: UrlPolicy, isListed: boolean, address: string): boolean =>
  policy.isOpen ||
  !isForbiddenAddress(address) ||
  isListedAddress(policy, address) ||
  (isListed && isInnerAddress(address))

const HTTPS_PORT = '443'
const FAMILIES: Record<number, 'ipv4' | 'ipv6'> = { 4: 'ipv4', 6: 'ipv6' }
/** Wider networks than 10.0.0.0/8 and fc00::/7 would be the whole Internet, and the cloud's machinery with it. */
const WIDEST = { ipv4: 8, ipv6: 7 }

/**
 * Reads the operator's list: `10.20.0.0/16, fd00:1::/64, hooks.corp.example, *.svc.cluster.local, hooks.example:8443`.
 *
 * @throws Error whose message goes on after the setting's name
 */
export function parseAllowList(text: string): AllowEntry[] {
  const entries = text
    .split(',')
    .map((each) => each.trim())
    .filter(Boolean)
  return entries.map((entry) => {
    const refuse = (why: string) => new Error(`holds “${entry}”, which ${why}`)
    if (entry.includes('://')) throw refuse('is a URL; write its host alone')
    const [, address = '', bits] = /^([^/]*)(?:\/(.*))?$/.exec(entry) ?? []
    const family = FAMILIES[isIP(address)]
    if (family) {
      const longest = family === 'ipv4' ? 32 : 128
      const prefix = bits === undefined ? longest : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN
      if (!(prefix <= longest) || address.includes('%')) throw refuse('is no network')
      if (prefix < WIDEST[family]) throw refuse(`is too wide; the widest is /${WIDEST[family]}`)
      if (family === 'ipv6' && address.toLowerCase().startsWith('::ffff:'))
        throw refuse('is IPv4 written as IPv6; write it as IPv4')
      const network = new BlockList()
      network.addSubnet(address, prefix, family)
      return { text: entry, network, family }
    }
    return readHost(entry, refuse)
  })
}

function readHost(entry: string, refuse: (why: string) => Error): AllowedHost {
  const [, wildcard, name = '', port = HTTPS_PORT] =
    /^(\*\.)?([a-z0-9_-]+(?:\.[a-z0-9_-]+)*)\.?(?::(\d{1,5}))?$/i.exec(entry) ?? []
  const host = name.toLowerCase()
  const url = URL.parse(`https://${host}:${port}/`)
  // What a URL parser reads as an address (0x7f.1, 10.1) is no name.
  if (!name || isIP(host) || url?.hostname !== host || Number(port) === 0)
    throw refuse('is neither a network nor a host')
  // A wildcard over a public suffix would open our inner network to whoever buys a name there.
  if (wildcard && !host.includes('.') && !isSpecialName(host))
    throw refuse('stands for the names of strangers; write more of the name')
  return { text: entry, host, isWildcard: wildcard !== undefined, port: String(Number(port)) }
}
