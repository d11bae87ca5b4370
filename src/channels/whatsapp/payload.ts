import type { Vault } from '#base/seal.ts'

/**
 * What the Reject button of a message sends back. It names the notice, and the MAC shows that we wrote it, so nothing
 * need be kept for it. It is no secret: whoever reads the chat may refuse, and no more than that.
 */
export const rejectPayload = (vault: Vault, noticeId: string): string =>
  `r0.${noticeId}.${vault.mac('whatsapp_tap', noticeId)}`

/** @returns the notice that a payload of ours names; undefined for anything else */
export function noticeOfPayload(vault: Vault, payload: string): string | undefined {
  const [, noticeId, mac] = PAYLOAD.exec(payload) ?? []
  if (noticeId === undefined || mac === undefined) return undefined
  return vault.isMac('whatsapp_tap', noticeId, mac) ? noticeId : undefined
}

const PAYLOAD = /^r0\.(ntc_[0-9a-f]{32})\.([\w-]{43})$/
