import { HOUR } from '#base/clock.ts'
import { JwtRefused } from '#clients/client-keys.ts'
import { CREDENTIAL_PARAMETERS } from '#http/credentials.ts'
import type { CibaContext, ClientCall } from './context.ts'
import { invalidRequest } from './errors.ts'
import type { Parameters } from './form.ts'

/** The longest that a signed request may be good (FAPI-CIBA §5.2.2). */
const LONGEST_MS = HOUR
/** Claims of the JWT itself; all others are parameters. */
const OWN_CLAIMS = ['iss', 'aud', 'exp', 'iat', 'nbf', 'jti']

/**
 * Reads the parameters of a request as its client is registered to send them: a form, or a signed request (CIBA Core
 * 1.0 §7.1.1), and then nothing beside it but what authenticates the client.
 *
 * @throws CibaRefusal `invalid_request` for everything that is wrong with either
 */
export async function readParameters(
  { clientKeys, site }: Pick<CibaContext, 'clientKeys' | 'site'>,
  { form, client, initiator }: ClientCall,
): Promise<Parameters> {
  if (form.get('request_uri')) throw invalidRequest('request_uri is not taken; send the request itself.')
  const request = form.get('request')
  const alg = initiator.requestAlg
  if (request === undefined) {
    if (alg !== null) throw invalidRequest(`This client is registered to sign its requests by ${alg}.`)
    return form
  }
  if (alg === null) throw invalidRequest('This client is not registered to sign requests; send a form.')
  const authenticates = (name: string) => CREDENTIAL_PARAMETERS.some((each) => each === name)
  const beside = form.names().find((name) => name !== 'request' && !authenticates(name))
  if (beside !== undefined) throw invalidRequest('Beside a signed request stands a parameter of its own.')

  try {
    const claims = await clientKeys.take(initiator, request, {
      use: 'request',
      audiences: [site.origin],
      required: ['iat', 'nbf'],
      alg,
      longestMs: LONGEST_MS,
    })
    return parametersOf(claims, client.id)
  } catch (fault) {
    if (!(fault instanceof JwtRefused)) throw fault
    throw invalidRequest(`The signed request is not taken. ${fault.message}`)
  }
}

function parametersOf(claims: Record<string, unknown>, clientId: string): Parameters {
  if ('request' in claims || 'request_uri' in claims) {
    throw invalidRequest('A signed request holds no other request.')
  }
  if (claims.client_id !== undefined && claims.client_id !== clientId) {
    throw invalidRequest('The client_id of the signed request is of another client.')
  }
  const fields = new Map<string, string>()
  for (const [name, value] of Object.entries(claims)) {
    if (OWN_CLAIMS.includes(name) || value === null) continue
    // A number of seconds may come as JSON has it, or as a form has it (CIBA Core 1.0 §7.1.1).
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    if (text.includes('\0')) throw invalidRequest('A parameter holds a NUL character.')
    fields.set(name, text)
  }
  const resources = [claims.resource ?? []].flat().map(String)
  return { get: (name) => fields.get(name) || undefined, resources, names: () => [...fields.keys()] }
}
