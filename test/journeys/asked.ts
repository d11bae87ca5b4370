import { addInitiator, cibaCalls } from '../support/ciba.ts'
import type { startStage } from './stage.ts'

type Stage = Awaited<ReturnType<typeof startStage>>

/** Settings of a server whose operator has words for what is asked. */
export const WORDED: Record<string, string> = {
  COUNTERSIGN_CIBA_MOST_OPEN: '100',
  COUNTERSIGN_CIBA_USER_CODE: '1',
  COUNTERSIGN_SCOPES: JSON.stringify({
    payments: { en: 'Move money out of your account', hi: 'आपके खाते से पैसे भेजना', dangerous: true },
    accounts: { en: 'See your accounts and what is on them', hi: 'आपके खाते और उनमें रखी रकम देखना' },
  }),
  COUNTERSIGN_AUTHORIZATION_DETAILS: JSON.stringify({
    payment: {
      en: 'Make one payment',
      hi: 'एक भुगतान करना',
      dangerous: true,
      fields: {
        'amount.value': { en: 'Amount', hi: 'रकम', required: true },
        'amount.currency': { en: 'Currency', hi: 'मुद्रा', required: true },
        creditor: { en: 'To', hi: 'किसे', required: true },
      },
    },
    statements: {
      en: 'Read statements',
      hi: 'स्टेटमेंट पढ़ना',
      fields: {
        months: { en: 'Months back', hi: 'कितने महीने पहले तक', kind: 'number' },
        closed: { en: 'Of closed accounts too', hi: 'बंद खातों के भी', kind: 'flag' },
        of: { en: 'Of', hi: 'किनके', kind: 'list' },
      },
    },
  }),
}

export const PAYMENT = {
  type: 'payment',
  creditor: 'Köln Strom GmbH',
  amount: { value: '12.50', currency: 'EUR' },
}
export const STATEMENTS = { type: 'statements', months: 12, closed: false, of: ['Savings', 'Joint account'] }

/** An app that asks many, linked to the one on stage, and how it asks. */
export async function linkedApp({ server, userId }: Stage, form: Record<string, unknown> = {}) {
  const client = await addInitiator(server, [userId], {
    scope: 'openid accounts payments reports:model',
    authorization_details_types: ['payment', 'statements'],
    ...form,
  })
  const calls = cibaCalls(server.origin)
  return {
    client,
    calls,
    ask: (fields: Record<string, string> = {}) =>
      calls.ask(client, {
        login_hint: userId,
        scope: 'openid accounts payments reports:model',
        ...fields,
      }),
  }
}

export const inDetail = (...details: object[]) => ({ authorization_details: JSON.stringify(details) })
