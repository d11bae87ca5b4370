import { newId } from '#base/ids.ts'
import { signingKeys } from '#clients/signing.ts'
import type { ProofContext } from './proof.ts'
import { signedHeaders } from './sign.ts'

/** Headers of a message that is no delivery (a check, a test), signed like one, under an id of its own. */
export async function messageHeaders(
  { db, now, vault }: Pick<ProofContext, 'db' | 'now' | 'vault'>,
  clientId: string,
  contentType: string,
  body: Uint8Array,
): Promise<Record<string, string>> {
  const keys = await db.transaction((tx) => signingKeys(vault)(tx, clientId, now()))
  return {
    'content-type': contentType,
    'user-agent': 'Countersign',
    ...signedHeaders(newId('chk'), now(), body, keys),
  }
}
