import type { Vault } from '#base/seal.ts'

const PURPOSE = 'auth_req_id'

/**
 * The `auth_req_id` of a request (CIBA Core 1.0 §7.3): its id, signed by us. As secret as a token, and kept nowhere: the
 * 256 bits of the signature are made anew whenever they are needed.
 */
export const handleOf = (vault: Vault, requestId: string): string =>
  `${requestId.slice(PREFIX.length)}.${vault.mac(PURPOSE, requestId)}`

/** The request that a handle is of; undefined if it is not one of ours. Takes as long whatever is wrong with it. */
export function requestOfHandle(vault: Vault, handle: string): string | undefined {
  const at = handle.indexOf('.')
  const requestId = `${PREFIX}${handle.slice(0, Math.max(at, 0))}`
  return vault.isMac(PURPOSE, requestId, handle.slice(at + 1)) ? requestId : undefined
}

const PREFIX = 'req_'

/** Where a client's notification token lies, as bound into its seal. */
export const bearerPlace = (requestId: string) => `notification_token:${requestId}`
