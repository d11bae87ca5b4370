import type { LookupFunction } from 'node:net'
import { Refusal } from '#base/errors.ts'
import { asCallFailed, KnownFault } from './failures.ts'
import { checkedLookup, plainHost } from './guard.ts'
import { isListedHost, mayDial, type UrlPolicy } from './policy.ts'
import { parseOutboundUrl } from './url.ts'

const DEADLINE_MS = 5_000

/**
 * Says what is wrong with a URL before anything is sent there: by its form, and by where its name leads to now. What a
 * call would say beyond that (certificate, answer) is not tried.
 *
 * @param lookup left out where a proxy looks names up
 * @returns a sentence, or undefined when nothing is wrong
 */
export async function judgeUrl(
  text: string,
  policy: UrlPolicy,
  lookup: LookupFunction | undefined,
): Promise<string | undefined> {
  try {
    const url = parseOutboundUrl(text, policy)
    if (lookup) await resolve(url, policy, lookup)
    return undefined
  } catch (fault) {
    if (fault instanceof Refusal) return fault.message
    return asCallFailed(fault, 'before_sending', { host: URL.parse(text)?.hostname ?? 'the host' }).message
  }
}

function resolve(url: URL, policy: UrlPolicy, lookup: LookupFunction): Promise<void> {
  const host = plainHost(url.hostname)
  const isListed = isListedHost(policy, host, url.port)
  const checked = checkedLookup(lookup, (address) => mayDial(policy, isListed, address))
  return new Promise((done, fail) => {
    const timer = setTimeout(() => fail(new KnownFault('name_lookup_failed')), DEADLINE_MS)
    checked(host, { all: true }, (fault) => {
      clearTimeout(timer)
      if (fault) fail(fault)
      else done()
    })
  })
}
