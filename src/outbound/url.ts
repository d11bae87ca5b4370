import { isIP } from 'node:net'
import { Refusal } from '#base/errors.ts'
import { specialNameOf } from './names.ts'
import { isListedAddress, isListedHost, type UrlPolicy } from './policy.ts'

export type { UrlPolicy } from './policy.ts'

/**
 * Reads a URL that somebody else chose and that we are to POST to. Checked at registration and again before each call;
 * only the `href` that comes out is kept and dialled.
 *
 * @throws Refusal `notifier_refused` with a sentence on what is wrong with the URL
 */
export function parseOutboundUrl(text: string, policy: UrlPolicy): URL {
  const refuse = (why: string): never => {
    throw new Refusal('notifier_refused', {
      detail: `The Notifier Webhook Endpoint may not be used: ${why}.`,
    })
  }

  if (text.length > LONGEST) refuse(`it is longer than ${LONGEST} characters`)
  // On the raw text, since a parser drops or folds these without a word.
  if (/[\s\p{Cc}\\#]/u.test(text)) refuse('it holds a space, a control character, a backslash or a #')
  const authority = /^[a-z][a-z0-9+.-]*:\/\/([^/?]*)/i.exec(text)?.[1]
  if (!authority) return refuse('it is not a whole address such as https://example.com/path')
  if (authority.includes('@')) refuse('it holds a user name or a password')
  if (/[^\x21-\x7e]/.test(text))
    refuse('it holds letters outside ASCII; write the host name in punycode (xn--…)')
  if (authority.includes('%')) refuse('its host name holds a percent sign')

  const url = URL.canParse(text) ? new URL(text) : refuse('it cannot be read as an address')
  if (policy.isOpen && url.protocol === 'http:') return url
  if (url.protocol !== 'https:')
    refuse('it does not begin with https://, so the token would travel in clear text')
  if (policy.isOpen) return url

  const host = url.hostname.replace(/\.$/, '')
  if (isListedHost(policy, host, url.port)) return url
  if (url.port !== '') refuse(`its port is ${url.port}; only 443 is allowed`)
  const literal = host.replace(/^\[|\]$/g, '')
  if (isIP(literal))
    return isListedAddress(policy, literal) ? url : refuse('its host is an IP address; a name is needed')
  const labels = host.split('.')
  if (labels.length < 2) refuse('its host name has a single part, which names a machine of an inner network')
  const special = specialNameOf(host)
  if (special) refuse(`host names under “${special}” are not on the public Internet`)
  return url
}

const LONGEST = 2_048
