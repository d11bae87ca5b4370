const KEPT = 'link-code'

/** The code leaves the address bar and the history as soon as it is read; this tab knows it, also over a sign-in. */
export function takeCode(): string {
  const given = decodeURIComponent(location.hash.slice(1))
  if (location.pathname !== '/link') return ''
  if (!given) return sessionStorage.getItem(KEPT) ?? ''
  history.replaceState(null, '', location.pathname)
  keepCode(given)
  return given
}

export const keepCode = (code: string) => sessionStorage.setItem(KEPT, code)
export const forgetCode = () => sessionStorage.removeItem(KEPT)
