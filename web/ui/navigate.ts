/** Opens a page of ours from code. The router listens to `popstate`. */
export function goTo(url: string) {
  history.pushState(null, '', url)
  dispatchEvent(new PopStateEvent('popstate'))
}

/** The same, leaving no way back to the page that sent us. */
export function replaceWith(url: string) {
  history.replaceState(null, '', url)
  dispatchEvent(new PopStateEvent('popstate'))
}

/** Where to go after sign-in: a path of this origin or, if it is anything else, the inbox. */
export function safePath(to: string | undefined): string {
  const isOurs = to && /^\/(?![/\\])/.test(to) && new URL(to, location.origin).origin === location.origin
  return isOurs ? to : '/'
}
