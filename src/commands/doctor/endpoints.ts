import { lookup } from 'node:dns/promises'
import { connect } from 'node:net'
import { SECOND } from '#base/clock.ts'
import { createPolicy, isListedHost, mayDial } from '#outbound/policy.ts'
import type { Config } from '../../config.ts'
import type { Finding } from './finding.ts'

const PATIENCE_MS = 5 * SECOND
const MOST_NAMED = 5

/** What the operator lets through beyond the public Internet, and whether the hosts in it exist. */
export async function allowedFinding({ outboundAllow, outboundProxy }: Config): Promise<Finding> {
  const what = 'allowed beyond the public Internet'
  const list = outboundAllow.map(({ text }) => text).join(', ') || 'none'
  const hosts = outboundAllow.flatMap((entry) => ('host' in entry && !entry.isWildcard ? [entry.host] : []))
  const unknown = outboundProxy ? [] : await hostsWithoutAddress(hosts)
  if (unknown.length === 0) return { state: 'ok', what, say: list }
  const say = `${list}. Not found: ${named(unknown)}. Mend the name in COUNTERSIGN_OUTBOUND_ALLOW, or its DNS record.`
  return { state: 'look', what, say }
}

/** By what way endpoints are called, and whether it is open. */
export async function wayOutFinding({ outboundProxy }: Config): Promise<Finding> {
  const what = 'way to endpoints'
  if (!outboundProxy) return { state: 'ok', what, say: 'direct; addresses are checked here' }
  const { host, hostname, port, protocol } = new URL(outboundProxy)
  const fault = await knock(
    hostname.replace(/^\[|\]$/g, ''),
    Number(port) || (protocol === 'https:' ? 443 : 80),
  )
  if (!fault) return { state: 'ok', what, say: `by the proxy ${host}, which checks addresses` }
  const say = `the proxy ${host} cannot be reached (${fault}), so nothing is delivered. Start it, or mend COUNTERSIGN_OUTBOUND_PROXY.`
  return { state: 'bad', what, say }
}

/** Whether the endpoints of apps can be found, at addresses that may be dialled. @param urls of their endpoints */
export async function endpointsFinding(config: Config, urls: string[]): Promise<Finding> {
  const what = 'endpoints of apps'
  if (urls.length === 0) return { state: 'ok', what, say: 'none yet' }
  if (config.outboundProxy) return { state: 'off', what, say: 'looked up by the proxy, so not here' }
  const policy = createPolicy({ isOpen: config.isDev, allow: config.outboundAllow })
  const places = new Map(
    urls.flatMap((text) => {
      const url = URL.parse(text)
      return url ? [[url.hostname.replace(/^\[|\]$/g, ''), url.port] as const] : []
    }),
  )
  const looks = await Promise.all(
    [...places].map(async ([host, port]) => {
      const addresses = await addressesOf(host)
      const isListed = isListedHost(policy, host, port)
      const isInner = addresses.some((address) => !mayDial(policy, isListed, address))
      return { host, isUnknown: addresses.length === 0, isInner }
    }),
  )
  const unknown = looks.filter(({ isUnknown }) => isUnknown).map(({ host }) => host)
  const inner = looks.filter(({ isInner }) => isInner).map(({ host }) => host)
  if (unknown.length === places.size)
    return {
      state: 'bad',
      what,
      say: `none of ${places.size} can be looked up (${named(unknown)}). See that this machine has a working resolver.`,
    }
  const faults = [
    unknown.length > 0 && `not found: ${named(unknown)}; their owners must mend the address`,
    inner.length > 0 &&
      `refused, since not public: ${named(inner)}; COUNTERSIGN_OUTBOUND_ALLOW can let them through`,
  ].filter(Boolean)
  if (faults.length === 0) return { state: 'ok', what, say: `${places.size} hosts, all found` }
  return { state: 'look', what, say: faults.join('. ') }
}

const hostsWithoutAddress = async (hosts: string[]) => {
  const found = await Promise.all(hosts.map(addressesOf))
  return hosts.filter((_, at) => found[at]?.length === 0)
}

/** None if the name is not found, or not in time. */
async function addressesOf(host: string): Promise<string[]> {
  const late = new Promise<[]>((resolve) => setTimeout(resolve, PATIENCE_MS, []).unref())
  const found = lookup(host, { all: true }).catch(() => [])
  return (await Promise.race([found, late])).map(({ address }) => address)
}

const named = (hosts: string[]): string => {
  const more = hosts.length > MOST_NAMED ? ` and ${hosts.length - MOST_NAMED} more` : ''
  return hosts.slice(0, MOST_NAMED).join(', ') + more
}

/** @returns why no connection came about; undefined when one did */
function knock(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: PATIENCE_MS })
    const end = (fault?: string) => {
      socket.destroy()
      resolve(fault)
    }
    socket.once('connect', () => end())
    socket.once('timeout', () => end('no answer'))
    socket.once('error', (fault: NodeJS.ErrnoException) => end(fault.code ?? fault.message))
  })
}
