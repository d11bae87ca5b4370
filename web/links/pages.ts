import './links.css'

/** Linking and the list of links, in one chunk: whoever links an app is shown the list next. */
export { LinkPage } from './link.tsx'
export { LinksPage } from './links.tsx'
