/**
 * Areas of texts that the first load needs: reading a request and deciding, on a cheap phone. Texts of the pages that
 * are fetched when somebody opens them come with those pages.
 */
const FIRST = new Set([
  'language',
  'loading',
  'action',
  'error',
  'nav',
  'status',
  'passkey',
  'signIn',
  'inbox',
  'request',
  'scope',
  'match',
  'report',
  'altered',
  'settled',
  'handover',
  'leaving',
  'revoke',
  'timeline',
  'event',
  'notFound',
])

/** @param key of a text, for instance `request.title` */
export const isFirst = (key: string): boolean => FIRST.has(key.split('.')[0] ?? '')
