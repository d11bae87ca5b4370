import type { Vault } from '#base/seal.ts'

const PURPOSE = 'notice_receipt'

/** What a device sends back once it has shown a notice. It tells us only which one. */
export const receiptOf = (vault: Vault, noticeId: string): string =>
  `${noticeId}.${vault.mac(PURPOSE, noticeId)}`

/** @returns the id of the notice, if we wrote the receipt */
export function noticeOfReceipt(vault: Vault, receipt: string): string | undefined {
  const [, noticeId = '', mac = ''] = /^([^.]+)\.([\w-]+)$/.exec(receipt) ?? []
  return vault.isMac(PURPOSE, noticeId, mac) ? noticeId : undefined
}
