import { BlockList, isIP } from 'node:net'

/**
 * Tells whether an address may not be dialled: everything that is not plainly on the public Internet, by the special
 * registries of IANA, and the one public address that a cloud uses for its own machinery.
 */
export function isForbiddenAddress(address: string): boolean {
  const family = isIP(address)
  if (family === 4) return forbidden.check(address, 'ipv4')
  // An IPv4 address written as IPv6 is refused, not unwrapped; 2000::/3 is all of IPv6 that is in use.
  if (family === 6)
    return !globalUnicast.check(address, 'ipv6') || forbidden.check(address, 'ipv6') || isIsatap(address)
  return true
}

/**
 * Tells whether an address is one of an inner network: private, shared, or this machine. A host that the operator lists
 * may be there; it is never where clouds keep their machinery (link-local, and the addresses taken out below).
 */
export function isInnerAddress(address: string): boolean {
  const family = isIP(address)
  if (family === 0 || address.includes('%')) return false
  const [list, name] = family === 4 ? ([inner4, 'ipv4'] as const) : ([inner6, 'ipv6'] as const)
  return list.check(address, name) && !machinery.check(address, name)
}

const forbidden = new BlockList()
const globalUnicast = new BlockList()
globalUnicast.addSubnet('2000::', 3, 'ipv6')

// https://www.iana.org/assignments/iana-ipv4-special-registry/
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.31.196.0', 24],
  ['192.52.193.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['192.175.48.0', 24],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  // Azure's wire server: public by its number, and yet the inside of a cloud.
  ['168.63.129.16', 32],
] as const) {
  forbidden.addSubnet(network, bits, 'ipv4')
}

// https://www.iana.org/assignments/iana-ipv6-special-registry/, what lies inside 2000::/3
for (const [network, bits] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['2620:4f:8000::', 48],
  ['3fff::', 20],
] as const) {
  forbidden.addSubnet(network, bits, 'ipv6')
}

const inner4 = new BlockList()
inner4.addSubnet('10.0.0.0', 8, 'ipv4')
inner4.addSubnet('100.64.0.0', 10, 'ipv4')
inner4.addSubnet('127.0.0.0', 8, 'ipv4')
inner4.addSubnet('172.16.0.0', 12, 'ipv4')
inner4.addSubnet('192.168.0.0', 16, 'ipv4')

/** A list of its own: one of both families would take `::ffff:10.0.0.1` for 10.0.0.1. */
const inner6 = new BlockList()
inner6.addAddress('::1', 'ipv6')
inner6.addSubnet('fc00::', 7, 'ipv6')

const machinery = new BlockList()
machinery.addAddress('100.100.100.200', 'ipv4')
machinery.addSubnet('fd00:ec2::', 32, 'ipv6')

/** An interface id of ISATAP (RFC 5214 §6.1) hides an IPv4 address. */
const isIsatap = (address: string): boolean => /^0*(?:200)?:5efe:/i.test(lastGroups(address))

/** The last four groups, so that `::` cannot hide the interface id. */
function lastGroups(address: string): string {
  const [head = '', tail] = address.split('::')
  const right = tail === undefined ? [] : tail.split(':').filter(Boolean)
  const left = head.split(':').filter(Boolean)
  const zeros = tail === undefined ? [] : Array<string>(8 - left.length - right.length).fill('0')
  return `${[...left, ...zeros, ...right].slice(-4).join(':')}:`
}
