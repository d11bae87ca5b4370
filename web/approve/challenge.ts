import { base64URLStringToBuffer, bufferToBase64URLString } from '@simplewebauthn/browser'
import type { Review } from '../../src/api/contract.ts'

/**
 * The challenge that signs exactly this text:
 * SHA-256( "countersign-approval-v1" ‖ 0x00 ‖ nonce ‖ SHA-256(approval) ), in base64url.
 */
export async function challengeOf({ approval, nonce }: Pick<Review, 'approval' | 'nonce'>): Promise<string> {
  const parts = [
    utf8('countersign-approval-v1\0'),
    base64URLStringToBuffer(nonce),
    await crypto.subtle.digest('SHA-256', utf8(approval)),
  ]
  const message = await new Blob(parts).arrayBuffer()
  return bufferToBase64URLString(await crypto.subtle.digest('SHA-256', message))
}

const utf8 = (text: string) => new TextEncoder().encode(text)
