import { get, keepEarly, post } from '../ui/api.ts'
import { chooseLanguage } from '../ui/text.ts'

// A file of its own, which runs while the code of the pages is on its way: on a far network each wait is long.

/** The request that this document was opened for. */
export const [, opened] = /^\/r\/([\w-]+)$/.exec(location.pathname) ?? []
if (opened) {
  const path = `/v1/me/requests/${opened}`
  keepEarly(path, get(path))
  keepEarly(`${path}/review`, post(`${path}/review`))
}

/** Resolves once the texts are there. */
export const isInLanguage = chooseLanguage()
